/** Pictures are drawn as large as their pane has room for all of their grids, where panes are beside each other. */
const SIZES = ["", "small", "smallest"]; // values of data-fit, for the style sheet
const ROOMY = matchMedia("(min-width: 64rem) and (min-height: 30rem)"); // on a phone they are to be touched
const SPARE = 8; // px, for what a step writes under a number

/** `again()` is for when the grids are others; `end()` ends it. */
export function fitted(picture, rows) {
  let asked = 0;
  let watched = null; // the panel, which the picture is put into later
  const fit = () => {
    asked = 0;
    const panel = picture.closest(".panel");
    if (panel !== watched) {
      observer.disconnect();
      watched = panel;
      if (panel) observer.observe(panel);
    }
    if (!panel || panel.clientHeight === 0) return;
    const last = ROOMY.matches ? SIZES.at(-1) : SIZES[0];
    for (const size of SIZES) {
      picture.dataset.fit = size;
      if (size === last) return;
      const bottom = rows.getBoundingClientRect().bottom + panel.scrollTop;
      if (bottom + SPARE <= panel.getBoundingClientRect().bottom) return;
    }
  };
  const again = () => {
    asked ||= requestAnimationFrame(fit);
  };
  const observer = new ResizeObserver(again);
  return {
    again,
    end() {
      cancelAnimationFrame(asked);
      observer.disconnect();
    },
  };
}
