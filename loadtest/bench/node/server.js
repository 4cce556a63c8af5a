// The cart peer in Node: Fastify and ioredis with automatic pipelining, written
// as their own documents show. Same Redis keys and script as functions/cart,
// same prices from catalog kept for a second, same JSON.
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
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and
   redis.call('HLEN', KEYS[1]) > 50 then return -2 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1` })

const prices = new Map()
async function priced (skus) {
  const now = Date.now()
  if (skus.every(s => prices.has(s) && now - prices.get(s).at < 1000)) return
  const answer = await fetch(process.env.CATALOG_URL + '/internal/catalog/prices', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer ' + token },
    body: JSON.stringify({ items: skus.map(sku => ({ sku })) })
  })
  for (const p of (await answer.json()).items) prices.set(p.sku, { ...p, at: now })
}

const line = { type: 'object', properties: { sku: { type: 'string' }, name: { type: 'string' },
  unit_price: { type: 'integer' }, quantity: { type: 'integer' }, line_total: { type: 'integer' } } }
const cart = { type: 'object', properties: { id: { type: 'string' }, items: { type: 'array', items: line },
  total: { type: 'integer' }, currency: { type: 'string' } } }
const put = { type: 'object', required: ['quantity'], additionalProperties: false,
  properties: { quantity: { type: 'integer', minimum: 1, maximum: 999 } } }

const app = Fastify({ logger: false })
app.get('/healthz', async () => '')
app.get('/api/carts/:id', { schema: { response: { 200: cart } } }, async (req, reply) => {
  const key = 'cart:' + req.params.id
  const [all] = await Promise.all([db.hgetall(key), db.expire(key, ttl)])
  const skus = Object.keys(all).filter(s => s !== '').sort()
  if (Object.keys(all).length === 0) return reply.code(404).send()
  await priced(skus)
  let total = 0
  let currency = ''
  const items = skus.map(sku => {
    const p = prices.get(sku)
    const quantity = Number(all[sku])
    total += quantity * p.price
    currency = p.currency
    return { sku, name: p.name, unit_price: p.price, quantity, line_total: quantity * p.price }
  })
  return { id: req.params.id, items, total, currency }
})
app.put('/api/carts/:id/items/:sku', { schema: { body: put } }, async (req, reply) => {
  const { id, sku } = req.params
  const n = await db.cartPut('cart:' + id, sku, req.body.quantity, ttl)
  if (n < 0) return reply.code(404).send()
  return { sku, quantity: req.body.quantity }
})
app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
