-- A token bucket as GCRA that begins empty. KEYS[1] the bucket; ARGV rate (bytes/s), burst, want, least (bytes).
-- Answers {granted bytes, 0}, or {0, microseconds until `least` can be granted}.
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local want, least = tonumber(ARGV[3]), tonumber(ARGV[4])
if want > burst then want = burst end
if least > want then least = want end
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local tau = burst / rate * 1000000
-- A key that is missing (flushed, restarted, expired) is an empty bucket, never a full one.
local tat = tonumber(redis.call('GET', KEYS[1]) or now + tau)
-- Never owe more than one burst: the clock may have stepped back, the limit may have been raised.
if tat > now + tau then tat = now + tau end
if tat < now then tat = now end
local ready = math.floor((now + tau - tat) * rate / 1000000)
local granted = 0
if ready >= least then
  granted = math.min(want, ready)
  tat = tat + granted / rate * 1000000
end
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil(tau / 1000) * 2 + 60000)
if granted > 0 then return {granted, 0} end
return {0, math.max(1, math.ceil(tat + least / rate * 1000000 - (now + tau)))}
