/**
 * The options of every job, whatever the services at its ends, as fields of a
 * form; and what was filled in, as the server takes it.
 */

import type { Format } from './format';
import type { IFormOption, OptionValue } from './job';

type Values = Readonly<Record<string, OptionValue>>;

/** Which files, how fast and when. */
export function jobOptions(format: Format): readonly IFormOption[] {
  const { trans } = format;
  return [
    option('include', trans.__('Only these files'), {
      type: 'lines',
      help: trans.__('Patterns such as *.csv or data/**, one a line')
    }),
    option('exclude', trans.__('Without these files'), {
      type: 'lines',
      help: trans.__('Patterns such as *.tmp or cache/**, one a line')
    }),
    option('min_size', trans.__('At least this size'), {
      help: trans.__('Bytes, or a size such as 5M')
    }),
    option('max_size', trans.__('At most this size'), {
      help: trans.__('Bytes, or a size such as 5M')
    }),
    option('min_age', trans.__('Changed before'), {
      help: trans.__('A date, or a span back from now such as 30d or 12h')
    }),
    option('max_age', trans.__('Changed since'), {
      help: trans.__('A date, or a span back from now such as 30d or 12h')
    }),
    option('bandwidth', trans.__('Speed limit'), {
      help: trans.__('Bytes a second, such as 5M; no limit if empty')
    }),
    option('start_at', trans.__('Not before'), {
      type: 'moment',
      help: trans.__('When it begins; at once if empty')
    })
  ];
}

/** What only a synchronisation has. */
export function syncOptions(
  format: Format,
  keepsTrash: boolean
): readonly IFormOption[] {
  const { trans } = format;
  const trash = [
    option('trash', trans.__('Keep what is deleted or replaced in a trash'), {
      type: 'flag',
      help: trans.__(
        'It is moved to a folder of its own at the destination, not removed.'
      )
    })
  ];
  return [
    option('compare', trans.__('Files differ if'), {
      help: trans.__('How files that both sides have are compared'),
      default: 'time',
      choices: ['time', 'checksum', 'size'],
      names: {
        time: trans.__('their size or time differs'),
        checksum: trans.__('their checksums differ (reads the files here)'),
        size: trans.__('their sizes differ')
      }
    }),
    ...(keepsTrash ? trash : []),
    option('max_delete', trans.__('Files to delete at most'), {
      type: 'integer',
      help: trans.__(
        'If more would have to be deleted, nothing is done at all; if empty, the plan that you approve is the limit'
      )
    })
  ];
}

/** The values of `options` in the form that the server takes. */
export function asRequested(values: Values): Record<string, unknown> {
  const result: Record<string, unknown> = { ...values };
  for (const name of ['include', 'exclude']) {
    if (values[name] !== undefined) {
      result[name] = String(values[name])
        .split('\n')
        .map(line => line.trim())
        .filter(Boolean);
    }
  }
  if (values.start_at !== undefined) {
    // The field shows the clock of the person; the server wants a zone.
    const moment = new Date(String(values.start_at));
    result.start_at = Number.isNaN(moment.getTime())
      ? values.start_at
      : moment.toISOString();
  }
  return result;
}

function option(
  name: string,
  label: string,
  more: Partial<IFormOption>
): IFormOption {
  return {
    name,
    label,
    type: 'text',
    help: '',
    default: null,
    secret: false,
    choices: [],
    required: false,
    ...more
  };
}
