/** What is wider than its place can be reached by the keyboard, and only as long as it is. */
export function focusableWhereScrolling(parent) {
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.scrollWidth > target.clientWidth || target.scrollHeight > target.clientHeight)
        target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const element of parent.querySelectorAll(".scrolls")) observer.observe(element);
  return observer;
}
