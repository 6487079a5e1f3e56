/** Migrations by their former names: a file that was renamed, or divided into one for each read model, is the same migration. */

/** The files that a former one is now. Its text is theirs joined, to the byte. */
export const FORMER_NAMES: Readonly<Record<string, ReadonlyArray<string>>> = {
  '0001_read_models.sql': [
    '0010_spaces.sql',
    '0011_sessions.sql',
    '0012_permissions.sql',
    '0013_bans.sql',
    '0014_settings.sql',
    '0015_chat.sql',
    '0016_audit.sql',
    '0017_projection_checkpoints.sql',
    '0018_parked.sql',
  ],
  '0920_privacy.sql': ['0920_privacy_keys.sql'],
  '0921_erasure.sql': ['0921_privacy_requests.sql'],
  '0930_proof.sql': ['0930_proof_leaves_and_checkpoints.sql'],
  '0940_message_key.sql': ['0940_chat_message_key.sql'],
  '0960_checkpoint_numbers.sql': ['0960_proof_checkpoint_numbers.sql'],
  '0961_checkpoint_of_older.sql': ['0961_proof_checkpoints_of_older_servers.sql'],
  '0970_other_settings.sql': ['0970_settings_others.sql'],
  '0971_session_marks.sql': ['0971_sessions_marks.sql'],
  '0980_folded.sql': ['0980_chat_folded.sql'],
  '0981_used_tickets.sql': ['0981_auth_used_tickets.sql'],
}

/** The migrations that a database knows by this name: the one with that name today, or those that a former one is now;
 *  none if a newer version applied it. */
export const knownAs = <M extends { readonly name: string }>(
  name: string,
  migrations: ReadonlyArray<M>,
): ReadonlyArray<M> => {
  const names = FORMER_NAMES[name] ?? [name]
  return migrations.filter((migration) => names.includes(migration.name))
}
