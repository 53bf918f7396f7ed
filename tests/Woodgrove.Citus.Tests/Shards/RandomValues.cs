using System.Globalization;
using System.Numerics;
using System.Text;

namespace Woodgrove.Citus.Tests.Shards;

/// <summary>Random values of PostgreSQL's types as text: plain ones, edges, and every way of writing that a client may meet.</summary>
internal sealed class RandomValues(Random random)
{
    private const string Letters = "abcXYZ 019_-.,äßéЖ中文🎁";
    private static readonly Rune[] Runes = [.. Letters.EnumerateRunes()];

    public string[] Of(string type, int count) => [.. Enumerable.Range(0, count).Select(_ => One(type.Split('(')[0]))];

    private string One(string type) => type switch
    {
        "smallint" => Text((short)random.Next()),
        "integer" => Text(random.Next(2) == 0 ? random.Next(-1000, 1000) : (int)random.NextInt64()),
        "bigint" => Text(random.Next(2) == 0 ? random.NextInt64(-100_000, 100_000) : random.NextInt64(long.MinValue, long.MaxValue)),
        "text" or "varchar" => Word(30),
        "character varying" => Word(20),
        "character" => Word(12) + new string(' ', random.Next(3)),
        "bytea" => "\\x" + Convert.ToHexString(Bytes(random.Next(40))).ToLowerInvariant(),
        "uuid" => new Guid(Bytes(16)).ToString(random.Next(10) == 0 ? "B" : "D"),
        "date" => random.Next(50) == 0 ? "infinity" : Day().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        "timestamp" => Moment(),
        "timestamptz" => Moment() is var moment && moment[0] == '-' ? moment
            : moment + (random.Next(3) switch { 0 => "", 1 => "Z", _ => Zone() }),
        "boolean" => random.Next(6) switch { 0 => "t", 1 => "f", 2 => "true", 3 => "false", 4 => "yes", _ => "0" },
        "double precision" => Real(BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue))),
        "real" => Text((float)((random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-20, 20)))),
        "numeric" => Numeric(),
        "enum" => random.Next(3) switch { 0 => "SendFunds", 1 => "GiftFunds", _ => "DisputeCharge" },
        "inet" => new System.Net.IPAddress(Bytes(random.Next(2) == 0 ? 4 : 16)).ToString(),
        _ => throw new ArgumentException(type),
    };

    private string Word(int longest)
    {
        var word = new StringBuilder();
        for (int n = random.Next(longest + 1); n > 0; n--) word.Append(Runes[random.Next(Runes.Length)].ToString());
        return word.ToString();
    }

    private byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private DateTime Day() => new DateTime(1, 1, 1).AddDays(random.Next(3_652_058));

    private string Moment()
    {
        if (random.Next(100) == 0) return "-infinity";
        DateTime time = Day().AddTicks(random.NextInt64(TimeSpan.TicksPerDay));
        return time.ToString(random.Next(3) switch { 0 => "yyyy-MM-dd HH:mm:ss", 1 => "yyyy-MM-ddTHH:mm:ss.fff",
            _ => "yyyy-MM-dd HH:mm:ss.ffffff" }, CultureInfo.InvariantCulture);
    }

    private string Zone() =>
        string.Create(CultureInfo.InvariantCulture,
            $"{(random.Next(2) == 0 ? '+' : '-')}{random.Next(14):00}{(random.Next(2) == 0 ? "" : ":30")}");

    private string Numeric()
    {
        if (random.Next(100) == 0) return "NaN";
        BigInteger digits = new(Bytes(random.Next(1, 5)));
        return random.Next(3) switch
        {
            0 => Text(digits),
            1 => string.Create(CultureInfo.InvariantCulture, $"{digits}.{random.Next(100_000):000000}"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{digits}e-{random.Next(12)}"),
        };
    }

    private static string Real(double value) => double.IsNaN(value) ? "NaN" : double.IsInfinity(value) ? "Infinity" : Text(value);

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}
