-- Tickets for sockets that were used: by which client, and by which boot's connection for as long as that lasts.
CREATE TABLE auth_used_tickets (
  id text COLLATE "C" NOT NULL PRIMARY KEY,
  -- A digest of the client's network and of what it calls itself.
  client text COLLATE "C" NOT NULL,
  used_by text,
  -- No use of it after that.
  until timestamptz NOT NULL
);
