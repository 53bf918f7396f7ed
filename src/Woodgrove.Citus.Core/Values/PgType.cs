namespace Woodgrove.Citus.Values;

/// <summary>The OIDs of PostgreSQL's own types, which are the same on every server (pg_type.dat of its sources).</summary>
internal static class PgType
{
    public const uint Boolean = 16, Bytea = 17, QuotedChar = 18, Name = 19, Int8 = 20, Int2 = 21, Int4 = 23, Text = 25, Json = 114,
        Float4 = 700, Float8 = 701, Bpchar = 1042, Varchar = 1043, Date = 1082, Timestamp = 1114, TimestampTz = 1184, Bit = 1560,
        BitArray = 1561, Varbit = 1562, VarbitArray = 1563, Numeric = 1700, Uuid = 2950, Jsonb = 3802;
}
