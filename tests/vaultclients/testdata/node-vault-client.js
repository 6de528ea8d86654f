// Runs the steps of every client with node-vault-client. Reads VAULT_ADDR and VAULT_TOKEN. It has
// no methods for check-and-set and undelete: they are writes.
const assert = require('node:assert');
const VaultClient = require('node-vault-client');

const [service, token] = process.env.VAULT_TOKEN.split(':');
const vault = new VaultClient({
  api: { url: process.env.VAULT_ADDR },
  logger: false,
  auth: { type: 'appRole', config: { role_id: service, secret_id: token } },
});
const data = { user: 'app', password: 'hunter2' };

async function main() {
  await vault.write('newsbot/data/prod/db', { data, options: { cas: 0 } });
  assert.deepStrictEqual((await vault.read('newsbot/data/prod/db')).getData().data, data);
  console.log('read and write');
  await assert.rejects(vault.write('newsbot/data/prod/db', { data, options: { cas: 0 } }));
  await vault.write('newsbot/data/prod/db', { data: { value: 'plain' }, options: { cas: 1 } });
  console.log('check and set');
  await vault.write('newsbot/data/prod/api/key', { data: { value: 'k' } });
  assert.deepStrictEqual((await vault.list('newsbot/metadata/prod')).getData().keys.sort(), ['api/', 'db']);
  console.log('list');
  await vault.write('newsbot/delete/prod/db', { versions: [2] });
  await assert.rejects(vault.read('newsbot/data/prod/db'));
  await vault.write('newsbot/undelete/prod/db', { versions: [2] });
  assert.deepStrictEqual((await vault.read('newsbot/data/prod/db')).getData().data, { value: 'plain' });
  console.log('delete and undelete');
  for (const path of ['other/data/prod/db', 'other/data/prod/none']) {
    await assert.rejects(vault.read(path), /permission denied|403/);
  }
  console.log('denied');
  vault.close && vault.close();
}

main().then(() => process.exit(0), (e) => { console.error(e.message); process.exit(1); });
