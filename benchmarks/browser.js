// What runs in the page: each function uploads the file of the page's <input> and gives seconds.

function chosen() {
  return document.getElementById('benchmark').files[0];
}

async function expect(answer, ...statuses) {
  if (!statuses.includes(answer.status)) {
    throw new Error(`status ${answer.status}: ${(await answer.text()).slice(0, 200)}`);
  }
  return answer;
}

// JupyterLab's own loop: @jupyterlab/filebrowser, model.ts, _upload.
async function stock({ url, headers }) {
  const CHUNK_SIZE = 1024 * 1024;
  const file = chosen();
  const begin = performance.now();
  for (let start = 0; start < file.size; start += CHUNK_SIZE) {
    const end = start + CHUNK_SIZE;
    const reader = new FileReader();
    reader.readAsDataURL(file.slice(start, end));
    await new Promise((resolve, reject) => {
      reader.onload = resolve;
      reader.onerror = reject;
    });
    const content = reader.result.split(',')[1];
    const chunk = end >= file.size ? -1 : end / CHUNK_SIZE;
    const body = JSON.stringify({
      type: 'file',
      format: 'base64',
      name: file.name,
      chunk,
      content
    });
    const fields = { ...headers, 'Content-Type': 'application/json' };
    const answer = await fetch(url, { method: 'PUT', headers: fields, body, cache: 'no-store' });
    await (await expect(answer, 200, 201)).json();
  }
  return { seconds: (performance.now() - begin) / 1000 };
}

// A request as our panel's transport sends it: fetch would tell nothing of a body on its way.
function send(method, url, headers, body = null) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) {
      request.setRequestHeader(name, value);
    }
    let sent = 0;
    if (body) {
      request.upload.addEventListener('progress', event => {
        sent = event.loaded;
      });
    }
    request.addEventListener('load', () => {
      if (request.status === 201 || request.status === 204) {
        resolve(name => request.getResponseHeader(name));
      } else {
        reject(new Error(`status ${request.status}: ${request.responseText.slice(0, 200)}`));
      }
    });
    request.addEventListener('error', () => reject(new Error(`broke after ${sent} bytes`)));
    request.send(body);
  });
}

function encode(metadata) {
  return Object.entries(metadata)
    .map(([key, value]) => `${key} ${btoa(value)}`)
    .join(',');
}

// Create an upload of a blob and send it: in requests of the size that `pace` says.
async function deliver(url, headers, blob, metadata, pace) {
  const created = await send('POST', url, {
    ...headers,
    'Upload-Length': String(blob.size),
    'Upload-Metadata': encode(metadata)
  });
  const place = created('Location');
  let offset = 0;
  let answer = created;
  while (offset < blob.size) {
    const fields = {
      ...headers,
      'Content-Type': 'application/offset+octet-stream',
      'Upload-Offset': String(offset)
    };
    const body = blob.slice(offset, Math.min(offset + pace.size, blob.size));
    answer = await send('PATCH', place, fields, body);
    pace.succeeded(body.size);
    offset = Number(answer('Upload-Offset'));
  }
  return { place: new URL(place).pathname, path: answer('Transfer-Path') };
}

// tus: requests that grow by `growth` from `first` to `most` bytes, as our panel's do on a fast
// line; in `segments` at once if there are several (concatenation), whose bounds are multiples of
// `alignment`.
async function tus({ url, headers, first, most, growth, segments, alignment }) {
  const file = chosen();
  const begin = performance.now();
  const common = { ...headers, 'Tus-Resumable': '1.0.0' };
  // One pace for all connections: they share the way to the server.
  const pace = {
    size: first,
    succeeded(bytes) {
      if (bytes >= this.size / 2) {
        this.size = Math.min(bytes * growth, most);
      }
    }
  };
  const metadata = { filename: file.name };
  const finished = ({ path, place }) => {
    return { seconds: (performance.now() - begin) / 1000, path, location: place };
  };
  if (segments === 1) {
    return finished(await deliver(url, common, file, metadata, pace));
  }
  const assembly = crypto.randomUUID().replaceAll('-', '');
  const step = Math.ceil(file.size / segments / alignment) * alignment;
  const parts = [];
  for (let start = 0; start < file.size; start += step) {
    const own = { assembly, start: String(start), size: String(file.size) };
    const blob = file.slice(start, Math.min(start + step, file.size));
    const partial = { ...common, 'Upload-Concat': 'partial' };
    parts.push(deliver(url, partial, blob, { ...metadata, ...own }, pace));
  }
  const places = (await Promise.all(parts)).map(part => part.place);
  const whole = await send('POST', url, {
    ...common,
    'Upload-Concat': `final;${places.join(' ')}`,
    'Upload-Metadata': encode(metadata)
  });
  return finished({ path: whole('Transfer-Path'), place: whole('Location') });
}
