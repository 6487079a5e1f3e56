-- Reports, cases and appeals: a row each. What people wrote about them is in the audit log alone.
CREATE TABLE presence_cases (
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  case_id text COLLATE "C" NOT NULL,
  subject text COLLATE "C" NOT NULL,
  about text NOT NULL,
  message_id text,
  subspace text,
  opened_at timestamptz NOT NULL,
  opened_position bigint NOT NULL,
  moment_space bigint NOT NULL,
  moment_chat bigint NOT NULL,
  status text NOT NULL,
  taken_by text,
  outcome text,
  rule text,
  reason text,
  closed_by text,
  closed_at timestamptz,
  acted_by text,
  acted_at timestamptz,
  appeal text,
  appealed_at timestamptz,
  decided_by text,
  decided_at timestamptz,
  decision text,
  reports int NOT NULL,
  acts int NOT NULL,
  -- What was done, in order: act, by, at, until, reason.
  did jsonb NOT NULL,
  last_position bigint NOT NULL,
  PRIMARY KEY (space_type, space_id, case_id)
);
CREATE INDEX presence_cases_queue ON presence_cases (space_type, space_id, opened_position);
CREATE INDEX presence_cases_subject ON presence_cases (subject, opened_position) WHERE acts > 0;

CREATE TABLE presence_reports (
  space_type text COLLATE "C" NOT NULL,
  space_id text COLLATE "C" NOT NULL,
  report_id text COLLATE "C" NOT NULL,
  case_id text COLLATE "C" NOT NULL,
  reporter text COLLATE "C" NOT NULL,
  reported_at timestamptz NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (space_type, space_id, report_id)
);
CREATE INDEX presence_reports_reporter ON presence_reports (reporter, position);

-- A case's own events, of the audit log.
CREATE INDEX presence_audit_log_cases ON presence_audit_log (space_type, space_id, (details ->> 'caseId'), position)
  WHERE details ? 'caseId';
