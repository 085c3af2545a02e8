-- serverNowMs(): the server's time in Unix ms, an integer. One clock for all processes.
local function serverNowMs()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- digits(number): an integer without an exponent.
local function digits(number) return string.format('%.0f', number) end
