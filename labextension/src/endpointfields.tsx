/**
 * The part of a form for one end that lies at a service.
 */

import * as React from 'react';
import type { TransferApi } from './api';
import { BrowseList } from './browse';
import type { Endpoint } from './endpoint';
import type { Format } from './format';
import { OWN_KEYS } from './formdialog';
import { Found } from './found';
import type { IRemoteKind } from './job';
import { OptionFields } from './optionfields';
import { REMOTE_OPTIONS, RemoteFields } from './remotefields';
import { SignInSection, toTell } from './signinview';
import { TextInput } from './textinput';

const EXAMPLE = 'https://…';

export interface IEndpointFieldsProps {
  readonly endpoint: Endpoint;
  readonly label: string;
  /** Options that have fields elsewhere. */
  readonly hidden?: ReadonlySet<string>;
  /** Addresses that were used before, the last one first. */
  readonly recent: readonly string[];
  /** The kinds of remotes that can be made up here. */
  readonly remoteKinds: () => Promise<readonly IRemoteKind[]>;
  readonly api: Pick<TransferApi, 'login'>;
  readonly format: Format;
}

export function EndpointFields(props: IEndpointFieldsProps): JSX.Element {
  const { endpoint, format } = props;
  const { backend, result } = endpoint;
  return (
    <>
      <AddressField {...props} />
      <div className="jp-TransfersFrom-found">
        <Found
          result={result}
          vacant={endpoint.isVacant}
          writes={endpoint.writes}
          format={format}
          onTrust={fingerprint => endpoint.trust(fingerprint)}
        />
        {result.state !== 'empty' && (
          <button
            type="button"
            className="jp-mod-styled jp-TransfersFrom-test"
            disabled={result.state === 'looking'}
            onClick={() => endpoint.test()}
          >
            {format.trans.__('Test Connection')}
          </button>
        )}
      </div>
      {backend && endpoint.wantsSignIn && (
        <SignInSection
          key={`${backend.name} ${endpoint.address}`}
          api={props.api}
          address={endpoint.address.trim()}
          backend={backend}
          given={endpoint.given}
          format={format}
          onDone={(secrets, login) => endpoint.signedIn(toTell(secrets, login))}
        />
      )}
      {backend && (
        <OptionFields
          key={backend.name}
          title={backend.title}
          options={endpoint.options.filter(
            ({ name }) => !REMOTE_OPTIONS.has(name) && !props.hidden?.has(name)
          )}
          values={endpoint.values}
          needed={endpoint.needsCredentials && !endpoint.wantsSignIn}
          format={format}
          onChange={(name, value) => endpoint.setOption(name, value)}
        >
          {backend.name === 'rclone' && (
            <RemoteFields
              values={endpoint.values}
              kinds={props.remoteKinds}
              format={format}
              onChange={(name, value) => endpoint.setOption(name, value)}
            />
          )}
        </OptionFields>
      )}
    </>
  );
}

/** The address, and the list to find it in. */
function AddressField(props: IEndpointFieldsProps): JSX.Element {
  const { endpoint, label, recent, format } = props;
  const { browser } = endpoint;
  const { level } = browser;
  const isOpen = level.state !== 'closed';
  const button = React.useRef<HTMLButtonElement>(null);
  const suggestions = React.useId();
  const close = () => {
    button.current!.focus();
    browser.close();
  };
  const choose = (address: string) => {
    button.current!.focus();
    endpoint.address = address;
  };
  const useFolder = (address: string) => {
    button.current!.focus();
    endpoint.useFolder(address);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (isOpen && event.key === 'Escape') {
      event.preventDefault();
      close();
    }
  };
  const browse = format.trans.__('Browse…');
  return (
    <div
      className="jp-TransfersFrom-address"
      onKeyDown={onKeyDown}
      {...{ [OWN_KEYS]: isOpen ? 'Escape' : '' }}
    >
      <label>
        <span>{label}</span>
        <TextInput
          inputMode="url"
          required
          value={endpoint.address}
          problem={endpoint.problem(format)}
          placeholder={EXAMPLE}
          list={recent.length ? suggestions : undefined}
          onChange={address => (endpoint.address = address)}
        />
      </label>
      <datalist id={suggestions}>
        {recent.map(address => (
          <option key={address} value={address} />
        ))}
      </datalist>
      {endpoint.canBrowse && (
        <button
          type="button"
          ref={button}
          className="jp-mod-styled"
          // There may be two of them.
          aria-label={`${browse} ${label}`}
          aria-expanded={isOpen}
          onClick={() => (isOpen ? close() : endpoint.browse())}
        >
          {browse}
        </button>
      )}
      {isOpen && (
        <BrowseList
          browser={browser}
          level={level}
          format={format}
          onChoose={choose}
          onUseFolder={useFolder}
        />
      )}
    </div>
  );
}
