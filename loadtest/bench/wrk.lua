-- Carts are read or written one after another; the file names their paths.
-- BENCH_METHOD=PUT sends a quantity that changes with each request.
local paths = {}
for line in io.lines(os.getenv("BENCH_PATHS")) do
    paths[#paths + 1] = line
end
local method = os.getenv("BENCH_METHOD") or "GET"
local n = 0

request = function()
    n = n + 1
    local path = paths[n % #paths + 1]
    if method == "GET" then
        return wrk.format("GET", path)
    end
    return wrk.format(method, path, { ["Content-Type"] = "application/json" },
        '{"quantity":' .. (n % 9 + 1) .. '}')
end
