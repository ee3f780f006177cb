/**
 * What of a clone is committed before it is pushed: files that a person picks,
 * and a message.
 */

import type { IClone, OptionValue } from './job';

export class CommitChoice {
  constructor(readonly clone: IClone) {
    // What git keeps is meant; what is new a person picks.
    this.picked = new Set(
      clone.changes
        .filter(({ kind }) => kind !== 'untracked')
        .map(({ path }) => path)
    );
  }

  message = '';

  /** Paths in the clone. */
  picked: ReadonlySet<string>;

  pick(path: string, isPicked: boolean): void {
    const picked = new Set(this.picked);
    if (isPicked) {
      picked.add(path);
    } else {
      picked.delete(path);
    }
    this.picked = picked;
  }

  /** Options of the job; none where nothing is committed. */
  get given(): Record<string, OptionValue> {
    if (this.message.trim() === '' || this.picked.size === 0) {
      return {};
    }
    return {
      commit_message: this.message,
      paths: [...this.picked].join('\n')
    };
  }
}

/** Options of a repository that the choice stands for. */
export const COMMIT_OPTIONS: ReadonlySet<string> = new Set([
  'commit_message',
  'paths'
]);
