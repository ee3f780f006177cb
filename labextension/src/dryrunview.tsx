/**
 * What jobs would do, before anything is moved.
 */

import * as React from 'react';
import type { IDryRunResult } from './dryrun';
import { explain } from './errors';
import type { Format } from './format';
import type { IPush } from './job';
import { actionText, planText, pushText } from './planwords';

/** Files listed. */
const SHOWN = 200;

export function DryRunView(props: {
  result: IDryRunResult;
  disabled: boolean;
  format: Format;
  onLook: () => void;
}): JSX.Element {
  const { result, disabled, format, onLook } = props;
  const { trans } = format;
  return (
    <div className="jp-TransfersPlan">
      <button
        type="button"
        className="jp-mod-styled"
        disabled={disabled || result.state === 'looking'}
        onClick={onLook}
      >
        {trans.__('Show What Would Be Done')}
      </button>
      <div aria-live="polite">
        {result.state === 'looking' && (
          <p className="jp-TransfersFound-hint">
            {trans.__('Comparing both sides…')}
          </p>
        )}
        {result.state === 'failed' && (
          <p className="jp-TransfersFound-error">
            {format.sentences(
              explain(result.error, format).what,
              explain(result.error, format).remedy
            )}
          </p>
        )}
        {result.state === 'known' && (
          <>
            <p>{planText(result.plan, format)}</p>
            {result.push && <p>{pushText(result.push, format)}</p>}
            {(result.plan.skip ?? 0) > 0 && (
              <p className="jp-TransfersFound-hint">
                {trans._n(
                  'One file is there already',
                  '%2 files are there already',
                  result.plan.skip!,
                  format.count(result.plan.skip!)
                )}
              </p>
            )}
          </>
        )}
      </div>
      {result.state === 'known' && result.push && (
        <Commits push={result.push} format={format} />
      )}
      {result.state === 'known' && result.entries.length > 0 && (
        <ul
          className="jp-TransfersPlan-entries"
          tabIndex={0}
          aria-label={trans.__('What would be done')}
        >
          {result.entries.slice(0, SHOWN).map(({ path, size, action }) => (
            <li key={`${action} ${path}`} data-action={action}>
              <span>{path}</span>
              <span>
                {[
                  actionText(action, true, format),
                  size === null ? '' : format.bytes(size)
                ]
                  .filter(Boolean)
                  .join(' · ')}
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

/** The commits that a push would send, those that are there already. */
function Commits(props: { push: IPush; format: Format }): JSX.Element | null {
  const { push, format } = props;
  if (push.commits.length === 0) {
    return null;
  }
  return (
    <ul
      className="jp-TransfersPlan-entries"
      tabIndex={0}
      aria-label={format.trans.__('Commits')}
    >
      {push.commits.map(({ commit, subject }) => (
        <li key={commit}>
          <span>{subject}</span>
          <span>{commit.slice(0, 7)}</span>
        </li>
      ))}
    </ul>
  );
}
