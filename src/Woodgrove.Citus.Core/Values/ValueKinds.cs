using System.Buffers.Text;
using System.Text.Json;

namespace Woodgrove.Citus.Values;

/// <summary>Tells from its text which of PostgreSQL's types a value is of.</summary>
internal static class ValueKinds
{
    private static readonly ValueHasher Integers = Hasher(20, "bigint"), Uuids = Hasher(2950, "uuid"), Dates = Hasher(1082, "date"),
        Timestamps = Hasher(1114, "timestamp"), TimestampTzs = Hasher(1184, "timestamptz"), Doubles = Hasher(701, "double precision");

    /// <summary>
    /// The types to infer, the narrowest first, with the kinds that each takes. Integers are bigint: keys grow, and
    /// colocation needs equal types.
    /// </summary>
    private static readonly (string Type, ValueKind[] Takes)[] Types =
    [
        ("boolean", [ValueKind.Boolean]),
        ("bigint", [ValueKind.Integer]),
        ("numeric", [ValueKind.Integer, ValueKind.Numeric]),
        ("double precision", [ValueKind.Integer, ValueKind.Numeric, ValueKind.Double]),
        ("uuid", [ValueKind.Uuid]),
        ("date", [ValueKind.Date]),
        ("timestamp", [ValueKind.Date, ValueKind.Timestamp]),
        ("timestamptz", [ValueKind.Date, ValueKind.Timestamp, ValueKind.TimestampTz]),
        ("jsonb", [ValueKind.Json]),
    ];

    /// <summary>The kinds that the plain input of a table's type takes for certain; null where only the server can tell.</summary>
    public static ValueKind[]? TakenBy(uint typeOid) => typeOid switch
    {
        16 => [ValueKind.Boolean],
        20 or 21 or 23 => [ValueKind.Integer, ValueKind.PaddedInteger],
        1700 => [ValueKind.Integer, ValueKind.PaddedInteger, ValueKind.Numeric],
        700 or 701 => [ValueKind.Integer, ValueKind.PaddedInteger, ValueKind.Numeric, ValueKind.Double],
        2950 => [ValueKind.Uuid],
        1082 => [ValueKind.Date],
        1114 => [ValueKind.Date, ValueKind.Timestamp],
        1184 => [ValueKind.Date, ValueKind.Timestamp, ValueKind.TimestampTz],
        114 or 3802 => [ValueKind.Json],
        _ => null,
    };

    /// <summary>The type that takes all values, else that which takes at least 99% of them, else text.</summary>
    public static (string Type, ValueKind[] Takes) Infer(ReadOnlySpan<long> counts)
    {
        long total = 0;
        foreach (long count in counts) total += count;
        (string, ValueKind[]) best = ("text", Enum.GetValues<ValueKind>());
        double most = 0.99;
        foreach ((string type, ValueKind[] takes) in Types)
        {
            long taken = 0;
            foreach (ValueKind kind in takes) taken += counts[(int)kind];
            if (total == 0 || taken < most * total || (taken == most * total && best.Item1 != "text")) continue;
            best = (type, takes);
            most = (double)taken / total;
        }
        return best;
    }

    /// <summary>The hasher of an inferred type, or null where it has no kind of its own.</summary>
    public static bool HasOwnHash(string type) => type is "bigint" or "uuid" or "date" or "timestamp" or "timestamptz";

    /// <param name="hash">The hash as a value of that kind, where it has one.</param>
    public static ValueKind Of(ReadOnlySpan<byte> text, out int hash)
    {
        hash = 0;
        if (text.IsEmpty) return ValueKind.Text;
        byte first = text[0];
        if (first is (byte)'{' or (byte)'[') return IsJson(text) ? ValueKind.Json : ValueKind.Text;
        if (text.Length == 36 && text[8] == '-' && Uuids.TryHash(text, out hash)) return ValueKind.Uuid;
        if (first is (byte)'t' or (byte)'f')
            return text.SequenceEqual("t"u8) || text.SequenceEqual("f"u8) || text.SequenceEqual("true"u8) || text.SequenceEqual("false"u8)
                ? ValueKind.Boolean : ValueKind.Text;
        if (first is not ((>= (byte)'0' and <= (byte)'9') or (byte)'-' or (byte)'+' or (byte)'.' or (byte)'N' or (byte)'I'))
            return ValueKind.Text;
        if (Integers.TryHash(text, out hash)) return first == '0' && text.Length > 1 ? ValueKind.PaddedInteger : ValueKind.Integer;
        if (text.Length >= 10 && text[4] == '-')
        {
            if (Dates.TryHash(text, out hash)) return ValueKind.Date;
            if (Timestamps.TryHash(text, out hash)) return ValueKind.Timestamp;
            if (TimestampTzs.TryHash(text, out hash)) return ValueKind.TimestampTz;
        }
        if (first is not ((byte)'N' or (byte)'I') && text.IndexOfAnyExcept("0123456789.-+"u8) < 0
            && Utf8Parser.TryParse(text, out decimal _, out int used) && used == text.Length) return ValueKind.Numeric;
        return Doubles.TryHash(text, out hash) ? ValueKind.Double : ValueKind.Text;
    }

    private static bool IsJson(ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(text);
        try
        {
            while (reader.Read()) { }
            return reader.BytesConsumed == text.Length;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static ValueHasher Hasher(uint oid, string type) =>
        ValueHasher.For(new TableColumn("", type, oid, false, false, false, false))!;
}
