// Runs before the page's own scripts: notes long tasks, and when a drop was last read.
window.benchmark = { tasks: [], read: 0, dropped: 0 };

new PerformanceObserver(list => {
  for (const { startTime, duration } of list.getEntries()) {
    window.benchmark.tasks.push([startTime, duration]);
  }
}).observe({ type: 'longtask' });

window.addEventListener(
  'drop',
  () => {
    window.benchmark.dropped = window.benchmark.read = performance.now();
  },
  true
);

{
  const { prototype } = FileSystemDirectoryReader;
  const { readEntries } = prototype;
  prototype.readEntries = function (done, failed) {
    const noted = entries => {
      window.benchmark.read = performance.now();
      done(entries);
    };
    return readEntries.call(this, noted, failed);
  };
}
