const LEAST = 4; // px that are hidden, for it to be worth a word

/**
 * What is larger than its place can be reached by the keyboard, and only as long as it is; and where there
 * is more below, it fades out there, so that nothing looks as if it ended where it is cut.
 */
export function focusableWhereScrolling(parent) {
  const places = [...parent.querySelectorAll(".scrolls")];
  const look = (place) => {
    const { scrollWidth, clientWidth, scrollHeight, clientHeight, scrollTop } = place;
    if (scrollWidth > clientWidth || scrollHeight > clientHeight) place.tabIndex = 0;
    else place.removeAttribute("tabindex");
    place.toggleAttribute("data-more", scrollHeight - clientHeight - scrollTop > LEAST);
  };
  const scrolled = ({ target }) => look(target);
  const observer = new ResizeObserver((entries) => {
    for (const place of new Set(entries.map(({ target }) => target.closest(".scrolls")))) look(place);
  });
  for (const place of places) {
    place.addEventListener("scroll", scrolled, { passive: true });
    observer.observe(place);
    for (const content of place.children) observer.observe(content); // which grows by itself
  }
  return observer;
}
