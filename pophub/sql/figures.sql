-- Figures by declaration. Reader: role pophub_figures, which writes nothing.

-- of each key the newest version that was exchanged by a moment and is signed; deleted ones are gone
-- name: accepted
select newest.payload from (
    select distinct on (h.lane, h.key) h.operation, h.payload
    from ledger.history h join unnest(%s::int[], %s::bigint[]) as head(lane, sequence)
        on h.lane = head.lane and h.sequence <= head.sequence
    where h.stem = %s and h.exchanged_at <= %s and h.month <= %s
    order by h.lane, h.key, h.marker desc, h.sequence desc
) as newest where newest.operation <> 'd'
