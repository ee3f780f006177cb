/**
 * Asks the server what jobs would do, and forgets the answer when something
 * else is asked for meanwhile.
 */

import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { TransferError } from './api';
import type { IDryRun, IJobPlan, IJobRequest, IPush } from './job';

export type IDryRunResult =
  | { readonly state: 'none' }
  | { readonly state: 'looking' }
  | {
      readonly state: 'known';
      readonly plan: IJobPlan;
      readonly entries: IDryRun['entries'];
      readonly push?: IPush;
      /** Of a push: what lets it do exactly this. */
      readonly approve?: string;
    }
  | { readonly state: 'failed'; readonly error: TransferError };

export class DryRun {
  constructor(private _ask: (request: IJobRequest) => Promise<IDryRun>) {}

  /** Emitted when `result` changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** What is known of `requests`. */
  resultOf(requests: readonly IJobRequest[]): IDryRunResult {
    return JSON.stringify(requests) === this._question
      ? this._result
      : { state: 'none' };
  }

  /** Ask what `requests` would do, all together. */
  async look(requests: readonly IJobRequest[]): Promise<void> {
    const question = JSON.stringify(requests);
    this._question = question;
    this._set(question, { state: 'looking' });
    try {
      const answers: IDryRun[] = [];
      for (const request of requests) {
        answers.push(await this._ask(request));
      }
      this._set(question, sum(answers));
    } catch (reason) {
      const error = TransferError.from(reason);
      this._set(question, { state: 'failed', error });
    }
  }

  private _set(question: string, result: IDryRunResult): void {
    if (question === this._question) {
      this._result = result;
      this._changed.emit();
    }
  }

  private _changed = new Signal<this, void>(this);
  private _question = '';
  private _result: IDryRunResult = { state: 'none' };
}

function sum(answers: readonly IDryRun[]): IDryRunResult {
  // A plan that counts nothing says what a probe says: all of it is copied.
  const plans = answers.map(
    ({ plan, files, bytes }): IJobPlan =>
      plan ?? { copy: files ?? 0, replace: 0, delete: 0, skip: 0, bytes }
  );
  const total = (of: (plan: IJobPlan) => number) =>
    plans.reduce((before, plan) => before + of(plan), 0);
  const unknown = plans.some(({ bytes }) => bytes === null);
  return {
    state: 'known',
    plan: {
      copy: total(plan => plan.copy),
      replace: total(plan => plan.replace),
      delete: total(plan => plan.delete),
      skip: total(plan => plan.skip ?? 0),
      bytes: unknown ? null : total(plan => plan.bytes ?? 0)
    },
    entries: answers.flatMap(({ entries }) => entries),
    push: answers[0]?.push,
    approve: answers[0]?.push && answers[0].plan?.hash
  };
}
