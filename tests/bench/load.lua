-- The load of `bus`, for wrk: `-- publish FORM` posts the file FORM over and over, `-- drain QUEUE_URL` receives from a queue in
-- tens and deletes what it got. Ends with one line for the benchmark: `RESULT` and numbers by name.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

local function authorization(service)
  return "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/" .. service
    .. "/aws4_request, SignedHeaders=host, Signature=0"
end

local function sqs(operation, body)
  return wrk.format("POST", "/", {
    ["Authorization"] = authorization("sqs"),
    ["Content-Type"] = "application/x-amz-json-1.0",
    ["X-Amz-Target"] = "AmazonSQS." .. operation,
  }, body)
end

function init(args)
  deleted, refused, empty = 0, 0, 0
  if args[1] == "publish" then
    local file = assert(io.open(args[2], "rb"))
    local call = wrk.format("POST", "/", {
      ["Authorization"] = authorization("sns"),
      ["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8",
    }, file:read("*a"))
    file:close()
    request = function() return call end
    response = function(_, _, body)
      if not body:find("<Failed/>", 1, true) and body:find("<Failed>%s*<member>") then refused = refused + 1 end
    end
    return
  end
  local queue = args[2]
  local receive = sqs("ReceiveMessage", string.format('{"QueueUrl":"%s","MaxNumberOfMessages":10}', queue))
  -- What was received and is to be deleted by whichever connection is free next.
  local deletes = {}
  request = function() return table.remove(deletes) or receive end
  response = function(_, _, body)
    local entries = {}
    for handle in body:gmatch('"ReceiptHandle"%s*:%s*"(.-)"') do
      entries[#entries + 1] = string.format('{"Id":"%d","ReceiptHandle":"%s"}', #entries, handle)
    end
    if #entries > 0 then
      local body = string.format('{"QueueUrl":"%s","Entries":[%s]}', queue, table.concat(entries, ","))
      table.insert(deletes, sqs("DeleteMessageBatch", body))
    elseif body:find('"Successful"', 1, true) then
      local _, ids = body:gsub('"Id"', "")
      if body:find('"Failed"%s*:%s*%[%s*{') then refused = refused + 1 else deleted = deleted + ids end
    else
      empty = empty + 1
    end
  end
end

function done(summary, latency)
  local sum = { deleted = 0, refused = 0, empty = 0 }
  for _, thread in ipairs(threads) do
    for name in pairs(sum) do sum[name] = sum[name] + (thread:get(name) or 0) end
  end
  local errors = summary.errors
  io.write(string.format(
    "RESULT requests=%d seconds=%.6f deleted=%d empty=%d errors=%d p50=%d p99=%d\n",
    summary.requests, summary.duration / 1e6, sum.deleted, sum.empty,
    sum.refused + errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
