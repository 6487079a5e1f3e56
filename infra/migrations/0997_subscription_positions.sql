-- How far each subscription's address was told, and how it goes. Not made from the log: it says what others have received.
CREATE TABLE subscription_positions (
  subscription text COLLATE "C" NOT NULL PRIMARY KEY,
  -- Of which of its starts this is: a replay begins anew.
  start int4 NOT NULL,
  -- Everything up to here was delivered; null before the first.
  position int8,
  delivered int8 NOT NULL DEFAULT 0,
  failing_since timestamptz,
  failures int8 NOT NULL DEFAULT 0,
  last_error text,
  delivered_at timestamptz,
  failed_at timestamptz
);
