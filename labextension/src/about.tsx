/**
 * What a service tells of a source beside its files: of a repository its
 * revision, licence, last change, and who may have it.
 */

import * as React from 'react';
import type { Format } from './format';
import type { IAbout } from './job';

interface IAboutProps {
  about: IAbout;
  format: Format;
}

/** Nothing, where the service tells nothing. */
export function About(props: IAboutProps): JSX.Element | null {
  const { about, format } = props;
  const facts = factsOf(about, format);
  if (facts.length === 0) {
    return null;
  }
  return (
    <p className="jp-TransfersFacts">
      {facts.map(([fact, title]) => (
        <span key={fact} title={title}>
          {fact}
        </span>
      ))}
      {isWebPage(about.page) && (
        <a href={about.page} target="_blank" rel="noopener noreferrer">
          {format.trans.__('Open its page')}
        </a>
      )}
    </p>
  );
}

/** A page of the web; an address of another kind is no link. */
function isWebPage(page: string | undefined): page is string {
  return /^https?:\/\//.test(page ?? '');
}

/** What is shown, and what more there is to say of it. */
function factsOf(
  about: IAbout,
  format: Format
): (readonly [string, string | undefined])[] {
  const { trans } = format;
  const facts: (readonly [string, string | undefined])[] = [];
  if (about.revision) {
    facts.push([trans.__('revision %1', about.revision), about.commit]);
  }
  if (about.licence) {
    facts.push([trans.__('licence %1', about.licence), undefined]);
  }
  const changed = Date.parse(about.changed ?? '');
  if (!Number.isNaN(changed)) {
    const moment = format.dateTime(changed);
    facts.push([trans.__('changed %1', moment), undefined]);
  }
  if (about.gated) {
    facts.push([trans.__('gated: its terms have to be accepted'), undefined]);
  }
  if (about.private) {
    facts.push([trans.__('private'), undefined]);
  }
  return facts;
}
