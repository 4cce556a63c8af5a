// The cart peer in Node: Fastify and ioredis with automatic pipelining, written
// as their own documents show. Same Redis keys and script as functions/cart,
// same prices from catalog kept for a second and asked for once, same JSON. It
// logs, counts and traces nothing, which functions/cart does for every request.
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import { Redis } from 'ioredis'

const secret = name => {
  try { return readFileSync(process.env[name], 'utf8').trim() } catch { return undefined }
}
const ttl = 604800
const token = secret('INTERNAL_TOKEN_FILE')
const db = new Redis(process.env.REDIS_URL, {
  password: secret('REDIS_PASSWORD_FILE'), enableAutoPipelining: true
})
db.defineCommand('cartPut', { numberOfKeys: 1, lua: `
if redis.call('EXPIRE', KEYS[1], ARGV[1]) == 0 then return 0 end
if redis.call('HSET', KEYS[1], ARGV[2], ARGV[3]) == 1 and
   redis.call('HLEN', KEYS[1]) > 51 then
  redis.call('HDEL', KEYS[1], ARGV[2])
  return -1
end
return 1` })

const prices = new Map()
let asking = null
const fresh = skus => skus.every(s => Date.now() - (prices.get(s)?.at ?? 0) < 1000)
async function priced (skus) {
  if (fresh(skus)) return
  asking ??= ask(skus).finally(() => { asking = null })
  await asking
  if (!skus.every(s => prices.has(s))) await ask(skus)
}
async function ask (skus) {
  const answer = await fetch(process.env.CATALOG_URL + '/internal/catalog/prices', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer ' + token },
    body: JSON.stringify({ items: skus.map(sku => ({ sku })) })
  })
  for (const p of (await answer.json()).items) prices.set(p.sku, { ...p, at: Date.now() })
}

const line = { type: 'object', properties: { sku: { type: 'string' }, name: { type: 'string' },
  unit_price: { type: 'integer' }, quantity: { type: 'integer' }, line_total: { type: 'integer' } } }
const cart = { type: 'object', properties: { id: { type: 'string' }, items: { type: 'array', items: line },
  total: { type: 'integer' }, currency: { type: 'string' }, items_count: { type: 'integer' } } }
const added = { type: 'object', properties: { sku: { type: 'string' }, quantity: { type: 'integer' } } }
const put = { type: 'object', required: ['quantity'], additionalProperties: false,
  properties: { quantity: { type: 'integer', minimum: 1, maximum: 999 } } }

const app = Fastify({ logger: false })
app.get('/healthz', async () => '')
app.get('/api/carts/:id', { schema: { response: { 200: cart } } }, async (req, reply) => {
  const key = 'cart:' + req.params.id
  const [all] = await Promise.all([db.hgetall(key), db.expire(key, ttl)])
  const skus = Object.keys(all).filter(s => s !== '')
  if (Object.keys(all).length === 0) return reply.code(404).send()
  await priced(skus)
  let total = 0
  let currency = ''
  let count = 0
  const items = skus.map(sku => {
    const p = prices.get(sku)
    const quantity = Number(all[sku])
    total += quantity * p.price
    currency = p.currency
    count += quantity
    return { sku, name: p.name, unit_price: p.price, quantity, line_total: quantity * p.price }
  })
  return { id: req.params.id, items, total, currency, items_count: count }
})
app.put('/api/carts/:id/items/:sku', { schema: { body: put, response: { 200: added } } }, async (req, reply) => {
  const { id, sku } = req.params
  const n = await db.cartPut('cart:' + id, ttl, sku, req.body.quantity)
  if (n < 1) return reply.code(404).send()
  return { sku, quantity: req.body.quantity }
})
app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
