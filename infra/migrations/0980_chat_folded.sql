-- Text as it is searched: upper and lower case of every script are one, and so are the ways in which Unicode writes one
-- letter (é as one sign or as e with an accent, ß as ss, both sigmas). Upper first: some letters meet only there.
CREATE FUNCTION presence_folded(words text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURNS NULL ON NULL INPUT
RETURN translate(
  normalize(lower(upper(normalize(words, NFKC) COLLATE "und-x-icu") COLLATE "und-x-icu"), NFKC), 'ς', 'σ');

-- Signs that are an emoji only with U+FE0F behind them are kept with it. Those that were kept without become one with
-- those that have it; joined ones and keycaps become so with the next rebuild.
CREATE TEMPORARY TABLE bare ON COMMIT DROP AS
  SELECT sign, sign || U&'\FE0F' AS kept
  FROM regexp_split_to_table('©®‼⁉™ℹ↔↕↖↗↘↙↩↪⌨⏏⏭⏮⏯⏱⏲⏸⏹⏺Ⓜ▪▫▶◀◻◼☀☁☂☃☄☎☑☘☝☠☢☣☦☪☮☯☸☹☺♀♂♟♠♣♥♦♨♻♾⚒⚔⚕⚖⚗⚙⚛⚜⚠⚧⚰⚱⛈⛏⛑⛓⛩⛰⛱⛴⛷⛸⛹✂✈✉✌✍✏✒✔✖✝✡✳✴❄❇❣❤➡⤴⤵⬅⬆⬇〰〽㊗㊙🅰🅱🅾🅿🈂🈷🌡🌤🌥🌦🌧🌨🌩🌪🌫🌬🌶🍽🎖🎗🎙🎚🎛🎞🎟🏋🏌🏍🏎🏔🏕🏖🏗🏘🏙🏚🏛🏜🏝🏞🏟🏳🏵🏷🐿👁📽🕉🕊🕯🕰🕳🕴🕵🕶🕷🕸🕹🖇🖊🖋🖌🖍🖐🖥🖨🖱🖲🖼🗂🗃🗄🗑🗒🗓🗜🗝🗞🗡🗣🗨🗯🗳🗺🛋🛍🛎🛏🛠🛡🛢🛣🛤🛥🛩🛰🛳', '') AS sign;
DELETE FROM chat_reactions r USING bare b, chat_reactions o
  WHERE r.emoji = b.sign AND o.emoji = b.kept AND o.space_type = r.space_type AND o.space_id = r.space_id
    AND o.message_id = r.message_id AND o.subject = r.subject;
UPDATE chat_reactions r SET emoji = b.kept FROM bare b WHERE r.emoji = b.sign;
