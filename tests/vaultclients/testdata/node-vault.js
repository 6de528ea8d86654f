// Runs the steps of every client with node-vault. Reads VAULT_ADDR and VAULT_TOKEN.
const assert = require('node:assert');
const vault = require('node-vault')({ endpoint: process.env.VAULT_ADDR, token: process.env.VAULT_TOKEN });

const data = { user: 'app', password: 'hunter2' };

async function main() {
  assert.strictEqual((await vault.health()).sealed, false);
  await vault.write('newsbot/data/prod/db', { data, options: { cas: 0 } });
  assert.deepStrictEqual((await vault.read('newsbot/data/prod/db')).data.data, data);
  console.log('read and write');
  await assert.rejects(vault.write('newsbot/data/prod/db', { data, options: { cas: 0 } }), /check-and-set parameter did not match/);
  await vault.write('newsbot/data/prod/db', { data: { value: 'plain' }, options: { cas: 1 } });
  console.log('check and set');
  await vault.write('newsbot/data/prod/api/key', { data: { value: 'k' } });
  assert.deepStrictEqual((await vault.list('newsbot/metadata/prod')).data.keys.sort(), ['api/', 'db']);
  console.log('list');
  await vault.delete('newsbot/data/prod/db');
  await assert.rejects(vault.read('newsbot/data/prod/db'), (e) => e.response.statusCode === 404);
  await vault.write('newsbot/undelete/prod/db', { versions: [2] });
  assert.deepStrictEqual((await vault.read('newsbot/data/prod/db')).data.data, { value: 'plain' });
  console.log('delete and undelete');
  for (const path of ['other/data/prod/db', 'other/data/prod/none']) {
    await assert.rejects(vault.read(path), /permission denied/);
  }
  console.log('denied');
  const token = process.env.VAULT_TOKEN.split(':')[1];
  const login = await vault.approleLogin({ role_id: 'newsbot', secret_id: token });
  vault.token = login.auth.client_token;
  assert.deepStrictEqual((await vault.tokenLookupSelf()).data.policies, ['newsbot']);
  await vault.tokenRevokeSelf();
  await assert.rejects(vault.tokenLookupSelf(), /permission denied/);
  console.log('log in and out');
}

main().catch((e) => { console.error(e.message); process.exit(1); });
