-- Every request is a new purchase: a cart of the file, a key never used before.
local carts = {}
for line in io.lines(os.getenv("BENCH_PATHS")) do
    carts[#carts + 1] = line
end
local run = os.getenv("BENCH_RUN")
local n = 0

request = function()
    n = n + 1
    local body = '{"cart_id":"' .. carts[n % #carts + 1] ..
        '","email":"ada@example.org","name":"Ada Byron",' ..
        '"address":"12 St James Square, London"}'
    return wrk.format("POST", "/api/checkout", {
        ["Content-Type"] = "application/json",
        ["Idempotency-Key"] = run .. "-" .. n }, body)
end
