/** Signing in: for a transfer that waits, and below an address in a form. */

import { Notification } from '@jupyterlab/apputils';
import * as React from 'react';
import { act } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { TransferError } from '../api';
import { Format } from '../format';
import type { IBackend, IBackendOption, ILogin } from '../job';
import { signInFor } from '../signin';
import { askSignIn, SignInSection } from '../signinview';
import { dialogShown, failure, press, settle, type } from './samples';

function option(name: string, more: Partial<IBackendOption> = {}) {
  const plain = { help: '', default: null, secret: false, choices: [] };
  return { name, type: 'text' as const, required: false, ...plain, ...more };
}

const HUB: IBackend = {
  name: 'huggingface',
  title: 'Hugging Face',
  schemes: ['hf'],
  options: [option('revision'), option('token', { secret: true })],
  signs_in_by: ['token']
};

const REFUSED = new TransferError({
  code: 'needs_credentials',
  message: 'The hub does not accept the token.',
  detail: { kind: 'token_refused' }
});

const login = jest.fn<Promise<ILogin>, any[]>();
const place = {
  api: { login },
  address: 'hf://o/n',
  backend: HUB,
  given: { endpoint: 'https://mirror.example' }
};

beforeEach(() => {
  login.mockReset();
  login.mockResolvedValue({ service: 'hub', name: 'me', used: null });
});

describe('the dialog', () => {
  const format = new Format();
  const secret = 'input[type=password]';

  it('asks the service, and tells the transfer what was typed', async () => {
    const asked = askSignIn(place, format);
    const dialog = await dialogShown(secret);
    expect(dialog.querySelectorAll('label')).toHaveLength(2);
    type(dialog.querySelector(secret)!, 'hush');
    press(dialog, 'Sign In');
    expect(await asked).toEqual({ token: 'hush' });
    expect(login.mock.calls).toEqual([
      [
        {
          url: 'hf://o/n',
          options: { endpoint: 'https://mirror.example', token: 'hush' },
          keep: false
        }
      ]
    ]);
  });

  it('tells a transfer nothing of what the server keeps', async () => {
    login.mockResolvedValue({ service: 'hub', name: 'me', used: true });
    const asked = askSignIn(place, format);
    const dialog = await dialogShown(secret);
    type(dialog.querySelector(secret)!, 'hush');
    dialog.querySelector<HTMLElement>('input[type=checkbox]')!.click();
    press(dialog, 'Sign In');
    expect(await asked).toEqual({});
    expect(login.mock.calls[0][0].keep).toBe(true);
  });

  it('stays and says why where the service does not take it', async () => {
    login.mockRejectedValueOnce(REFUSED);
    const asked = askSignIn(place, format);
    const dialog = await dialogShown(secret);
    type(dialog.querySelector(secret)!, 'wrong');
    press(dialog, 'Sign In');
    await dialogShown('[role=alert]');
    expect(dialog.textContent).toContain('does not accept the token');
    type(dialog.querySelector(secret)!, 'right');
    press(dialog, 'Sign In');
    expect(await asked).toEqual({ token: 'right' });
  });

  it('says that a variable comes first, and tells the transfer what was typed', async () => {
    login.mockResolvedValue({ service: 'hub', name: 'me', used: false });
    const warning = jest.spyOn(Notification, 'warning').mockReturnValue('');
    const asked = askSignIn(place, format);
    const dialog = await dialogShown(secret);
    type(dialog.querySelector(secret)!, 'hush');
    press(dialog, 'Sign In');
    expect(await asked).toEqual({ token: 'hush' });
    expect(warning).toHaveBeenCalledTimes(1);
    warning.mockRestore();
  });
});

describe('the section of a form', () => {
  let host: HTMLElement;
  let root: Root;
  const onDone = jest.fn();

  beforeEach(() => {
    (globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;
    onDone.mockReset();
    host = document.body.appendChild(document.createElement('div'));
    root = createRoot(host);
    act(() =>
      root.render(
        <SignInSection {...place} format={new Format()} onDone={onDone} />
      )
    );
  });

  afterEach(() => {
    act(() => root.unmount());
    host.remove();
    (globalThis as any).IS_REACT_ACT_ENVIRONMENT = false;
  });

  const button = () => host.querySelector('button')!;

  it('waits for a secret, which Enter sends, and starts nothing by it', async () => {
    expect(button().disabled).toBe(true);
    const input = host.querySelector<HTMLInputElement>('[type=password]')!;
    const enter = () => {
      const init = { key: 'Enter', bubbles: true, cancelable: true };
      return input.dispatchEvent(new KeyboardEvent('keydown', init));
    };
    await act(async () => void enter());
    expect(login).not.toHaveBeenCalled();
    await act(async () => type(input, 'hush'));
    expect(button().disabled).toBe(false);
    let goesOn = true;
    await act(async () => {
      goesOn = enter();
      await settle();
    });
    expect(goesOn).toBe(false);
    expect(onDone.mock.calls[0][0]).toEqual({ token: 'hush' });
  });

  it('says why it was not taken', async () => {
    login.mockRejectedValue(REFUSED);
    const input = host.querySelector<HTMLInputElement>('[type=password]')!;
    await act(async () => type(input, 'wrong'));
    await act(async () => {
      button().click();
      await settle();
    });
    expect(host.querySelector('[role=alert]')).not.toBeNull();
    expect(onDone).not.toHaveBeenCalled();
  });
});

it('is offered for what lacks credentials only', () => {
  const found = { address: 'hf://o/n', backend: 'huggingface' };
  const detail = { sign_in: found };
  expect(signInFor(failure('needs_credentials', { detail }))).toEqual(found);
  expect(signInFor(failure('needs_credentials'))).toBeNull();
  expect(signInFor(failure('digest_mismatch', { detail }))).toBeNull();
  expect(signInFor(null)).toBeNull();
});
