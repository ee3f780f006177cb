import { Notification } from '@jupyterlab/apputils';

/** Milliseconds after which a person wonders. */
const PATIENCE = 1000;

/** Wait for `work`, and tell by `message` that it goes on if it takes long. */
export async function busyWhile<T>(
  work: Promise<T>,
  message: string
): Promise<T> {
  let id = '';
  const timer = window.setTimeout(() => {
    id = Notification.emit(message, 'in-progress', { autoClose: false });
  }, PATIENCE);
  try {
    return await work;
  } finally {
    window.clearTimeout(timer);
    // Without an id it would dismiss those of everybody.
    if (id) {
      Notification.dismiss(id);
    }
  }
}
