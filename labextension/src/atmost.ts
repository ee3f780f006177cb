/**
 * Do `act` with each of `all`, at most `count` at a time, begun in their order.
 *
 * Rejects when one does; then no other is begun.
 */
export async function forEachAtMost<T>(
  count: number,
  all: Iterable<T>,
  act: (one: T) => Promise<void>
): Promise<void> {
  const rest = all[Symbol.iterator]();
  let isOver = false;
  const work = async () => {
    for (let next = rest.next(); !next.done && !isOver; next = rest.next()) {
      await act(next.value);
    }
  };
  const begun = Array.from({ length: count }, work);
  await Promise.all(begun).finally(() => (isOver = true));
}
