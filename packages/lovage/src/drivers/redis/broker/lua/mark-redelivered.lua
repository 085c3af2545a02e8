-- markRedelivered(raw): the envelope with both of kombu's flags set, `headers.redelivered` and
-- `properties.delivery_info.redelivered`. Text is spliced in, the rest is unchanged: cjson would turn [] into
-- {} and blur numbers. Quotes are escaped inside JSON strings, so any match is a real key.
local function flagged(text, start)
  if string.find(text, '^%s*"redelivered"%s*:%s*true', start) then return text end
  local comma = string.find(text, '^%s*}', start) and '' or ','
  return string.sub(text, 1, start - 1) .. '"redelivered":true' .. comma .. string.sub(text, start)
end

local function markRedelivered(raw)
  local info
  for finish in string.gmatch(raw, '"delivery_info"%s*:%s*{()') do info = finish end
  local text = info and flagged(raw, info) or raw
  local _, headers = string.find(text, '"headers"%s*:%s*{')
  return headers and flagged(text, headers + 1) or text
end
