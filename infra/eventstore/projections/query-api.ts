/** What a query in JavaScript finds in its context: `fromAll`, `fromStream`, `when`, `emit` and the rest, and `__run`, which is called
 *  with text and answers with text. It is text itself, since no object of the node's own may be reachable from a query. */
export const QUERY_API = `'use strict';
((own) => {
  const { parse, stringify } = JSON;
  // Their memory lies outside the heap, whose size is limited.
  for (const name of Object.getOwnPropertyNames(own))
    if (/Array(Buffer)?$/.test(name) && name !== 'Array' || ['DataView', 'Atomics', 'WebAssembly', 'Intl', 'console'].includes(name))
      delete own[name];
  const query = { all: false, streams: [], byStream: false, partitionBy: null, handlers: null, transforms: [], output: false, options: {} };
  const states = new Map();
  let emits = false;
  let out = null;
  const names = (all) => all.flat().map(String);
  const chain = {
    when(handlers) {
      if (query.handlers !== null) throw new Error('when was called twice');
      query.handlers = handlers ?? {};
      for (const name of ['$initShared', '$deleted'])
        if (name in query.handlers) throw new Error(name + ' is not supported here');
      return chain;
    },
    whenAny: (handler) => chain.when({ $any: handler }),
    foreachStream() { query.byStream = true; return chain; },
    partitionBy(of) { query.partitionBy = of; return chain; },
    outputState() { query.output = true; return chain; },
    transformBy(to) { query.transforms.push({ to }); query.output = true; return chain; },
    filterBy(passes) { query.transforms.push({ passes }); query.output = true; return chain; },
    outputTo(name) { query.output = true; query.options.resultStreamName = String(name); return chain; },
  };
  const from = (streams) => { query.streams.push(...streams); return chain; };
  own.fromAll = () => { query.all = true; return chain; };
  own.fromStream = (name) => from(names([name]));
  own.fromStreams = (...all) => from(names(all));
  own.fromCategory = (name) => from(['$ce-' + name]);
  own.fromCategories = (...all) => from(names(all).map((name) => '$ce-' + name));
  own.options = (options) => { Object.assign(query.options, options); };
  own.log = () => {};
  const give = (stream, type, data, metadata) => {
    if (!emits) throw new Error('emit is not allowed: the projection was made without it');
    if (out === null) throw new Error('emit outside a handler');
    out.push([String(stream), String(type), data, stringify(metadata ?? {})]);
  };
  own.emit = (stream, type, body, metadata) => give(stream, type, stringify(body ?? {}) ?? 'null', metadata);
  own.linkTo = (stream, event, metadata) => give(stream, '$>', event.sequenceNumber + '@' + event.streamId, metadata);
  own.linkStreamTo = (stream, linked, metadata) => give(stream, '$@', String(linked), metadata);

  const value = (text) => { try { return parse(text); } catch { return undefined; } };
  const eventOf = (given, partition) => {
    const body = given.isJson ? value(given.data) : undefined;
    return {
      isJson: given.isJson, data: body, body, bodyRaw: given.data, dataRaw: given.data,
      metadata: value(given.metadata) ?? {}, metadataRaw: given.metadata, linkMetadata: value(given.linkMetadata) ?? {}, linkMetadataRaw: given.linkMetadata,
      streamId: given.streamId, eventType: given.eventType, eventId: given.eventId, sequenceNumber: given.sequenceNumber,
      created: given.created, partition, category: given.streamId.split('-')[0],
    };
  };
  const resultOf = (state) => {
    let result = state;
    for (const { to, passes } of query.transforms) {
      if (to) result = to(result);
      else if (!passes(result)) return null;
    }
    return result;
  };
  const partitionOf = (given) => {
    if (query.byStream) return given.ownStream;
    if (query.partitionBy === null) return '';
    const partition = query.partitionBy(eventOf(given, ''));
    return partition === undefined || partition === null || partition === '' ? null : String(partition);
  };
  /** One event: the partition that it changed, and what was emitted; null if nothing asked for it. */
  const handle = (given) => {
    const { handlers } = query;
    const handler = Object.hasOwn(handlers, given.eventType) && !['$init', '$created', '$any'].includes(given.eventType)
      ? handlers[given.eventType] : handlers.$any;
    if (handler === undefined) return null;
    const partition = partitionOf(given);
    if (partition === null) return null;
    const event = eventOf(given, partition);
    out = [];
    let state = states.get(partition);
    if (state === undefined) {
      state = handlers.$init ? handlers.$init() : {};
      if (state === undefined) state = {};
      if (partition !== '' && handlers.$created) handlers.$created(state, event);
    }
    const next = handler(state, event);
    if (next !== undefined) state = next;
    states.set(partition, state);
    const result = stringify(resultOf(state)) ?? 'null';
    return { partition, state: stringify(state) ?? 'null', result, emitted: out };
  };
  const run = (events) => {
    const done = [];
    for (const [at, given] of events.entries()) {
      try {
        done.push(handle(given));
      } catch (error) {
        return { done, failed: { at, why: String(error?.message ?? error) } };
      } finally {
        out = null;
      }
    }
    return { done };
  };
  const start = ({ isEmitting, kept }) => {
    emits = isEmitting;
    for (const [partition, state] of kept) states.set(partition, parse(state));
    if (query.handlers === null || (!query.all && query.streams.length === 0))
      throw new Error('the query says neither from where nor when');
    const { all, streams, output, byStream, options } = query;
    const isPartitioned = byStream || query.partitionBy !== null;
    return { all, streams, output, isPartitioned, withLinks: options.$includeLinks === true, resultStream: options.resultStreamName ?? null };
  };
  const fixed = (name, property) => Object.defineProperty(own, name, { configurable: false, enumerable: false, ...property });
  // A query's replacements of these would run without a time limit.
  fixed('__asked', { value: '', writable: true });
  fixed('__run', { writable: false, value: () => {
    try {
      const asked = parse(own.__asked);
      return stringify(asked.start ? start(asked.start) : run(asked.events));
    } catch (error) {
      return stringify({ error: String(error?.message ?? error) });
    }
  } });
})(globalThis);
`
