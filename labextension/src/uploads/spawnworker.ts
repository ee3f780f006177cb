/** Start the thread behind `UploadWorker`; null where the page must not. */
export function spawnWorker(): Worker | null {
  try {
    // The bundler knows this very form and makes a file of its own of it.
    return new Worker(new URL('./upload.worker.js', import.meta.url), {
      type: 'module'
    });
  } catch {
    return null;
  }
}
