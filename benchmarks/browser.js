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

// tus: requests that grow by `growth` from `first` to `most` bytes, as our panel's do on a fast line.
async function tus({ url, headers, first, most, growth }) {
  const file = chosen();
  const begin = performance.now();
  const common = { ...headers, 'Tus-Resumable': '1.0.0' };
  const created = await fetch(url, {
    method: 'POST',
    headers: {
      ...common,
      'Upload-Length': String(file.size),
      'Upload-Metadata': `filename ${btoa(file.name)}`
    }
  });
  const place = (await expect(created, 201)).headers.get('Location');
  let offset = 0;
  let path = null;
  for (let size = first; offset < file.size; size = Math.min(size * growth, most)) {
    const answer = await fetch(place, {
      method: 'PATCH',
      headers: {
        ...common,
        'Content-Type': 'application/offset+octet-stream',
        'Upload-Offset': String(offset)
      },
      body: file.slice(offset, Math.min(offset + size, file.size))
    });
    offset = Number((await expect(answer, 204)).headers.get('Upload-Offset'));
    path = answer.headers.get('Transfer-Path');
  }
  return { seconds: (performance.now() - begin) / 1000, path, location: new URL(place).pathname };
}
