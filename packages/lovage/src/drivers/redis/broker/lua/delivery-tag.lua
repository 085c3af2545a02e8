-- deliveryTag(raw): the tag of an envelope, or nothing. Messages are not decoded: the tag is at the tail, as kombu
-- and we write it; only messages of another form are decoded.
local function deliveryTag(raw)
  -- UUIDs in our spacing and in Python's, at their fixed positions; then any other tag.
  local tag = string.match(raw, '^"delivery_tag":"([%x-]+)"}}$', -55)
    or string.match(raw, '^"delivery_tag": "([%x-]+)"}}$', -56)
    or string.match(raw, '"delivery_tag": ?"([^"\\%c]+)"}}$', -100)
  if tag then return tag end
  local ok, envelope = pcall(cjson.decode, raw)
  local properties = ok and type(envelope) == 'table' and envelope['properties']
  tag = type(properties) == 'table' and properties['delivery_tag']
  if type(tag) == 'string' and string.find(tag, '^[^%c]+$') then return tag end
end

-- plainTag(tag): the tag, or its digest when it is not a name as tools write it: such a tag would not come back from a
-- client unchanged, or would collide with a word of `held`.
local function plainTag(tag)
  if #tag <= 255 and string.find(tag, '^%w[%w%-%._:/+=@]*$') then return tag end
  return 'sha1:' .. redis.sha1hex(tag)
end
