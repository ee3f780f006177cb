/**
 * Which rows of a long list are in sight: only those are in the page.
 */

/** Browsers draw nothing beyond some 17 million pixels. */
const HIGHEST = 8_000_000;

/** Rows drawn above and below those in sight. */
const SPARE = 8;

export interface IWindow {
  /** The first row to draw. */
  readonly first: number;
  /** The row after the last to draw. */
  readonly end: number;
  /** Where the first row stands, pixels from the top of the content. */
  readonly top: number;
  /** The height of the content in pixels. */
  readonly height: number;
}

/**
 * The window at a position of the scroll bar.
 *
 * @param total - Rows there are.
 * @param rowHeight - Pixels of each.
 * @param viewport - Pixels in sight.
 * @param scrollTop - Pixels scrolled, of the content's `height`.
 */
export function windowAt(
  total: number,
  rowHeight: number,
  viewport: number,
  scrollTop: number
): IWindow {
  const full = total * rowHeight;
  const height = Math.min(full, HIGHEST);
  // Where all rows are higher than a browser can draw, a pixel stands for more.
  const reach = height - viewport;
  const scrolled = Math.min(Math.max(scrollTop, 0), Math.max(reach, 0));
  const position =
    reach > 0 && full > height
      ? (scrolled / reach) * (full - viewport)
      : scrolled;
  const first = Math.max(0, Math.floor(position / rowHeight) - SPARE);
  const end = Math.min(
    total,
    Math.ceil((position + viewport) / rowHeight) + SPARE
  );
  return {
    first,
    end,
    top: scrolled - (position - first * rowHeight),
    height
  };
}

/** Where to scroll, so that the row `index` is in sight; `scrollTop` if it is. */
export function scrollFor(
  index: number,
  total: number,
  rowHeight: number,
  viewport: number,
  scrollTop: number
): number {
  const full = total * rowHeight;
  const height = Math.min(full, HIGHEST);
  const factor =
    full > height ? (full - viewport) / Math.max(1, height - viewport) : 1;
  const position = scrollTop * factor;
  const start = index * rowHeight;
  if (start < position) {
    return start / factor;
  }
  return start + rowHeight > position + viewport
    ? (start + rowHeight - viewport) / factor
    : scrollTop;
}
