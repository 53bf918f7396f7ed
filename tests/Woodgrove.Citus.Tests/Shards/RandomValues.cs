using System.Globalization;
using System.Numerics;
using System.Text;

namespace Woodgrove.Citus.Tests.Shards;

/// <summary>Random values of PostgreSQL's types as text: plain ones, edges, and every way of writing that a client may meet.</summary>
internal sealed class RandomValues(int seed)
{
    private const string Letters = "abcXYZ 019_-.,äßéЖ中文🎁";
    private static readonly Rune[] Runes = [.. Letters.EnumerateRunes()];
    private readonly Random _random = new(seed);

    public string[] Of(string type, int count) => [.. Enumerable.Range(0, count).Select(_ => One(type.Split('(')[0]))];

    private string One(string type) => type switch
    {
        "smallint" => Text((short)_random.Next()),
        "integer" => Text(_random.Next(2) == 0 ? _random.Next(-1000, 1000) : (int)_random.NextInt64()),
        "bigint" => Text(_random.Next(2) == 0 ? _random.NextInt64(-100_000, 100_000) : _random.NextInt64(long.MinValue, long.MaxValue)),
        "text" or "varchar" => Word(30),
        "character varying" => Word(20),
        "character" => Word(12) + new string(' ', _random.Next(3)),
        "bytea" => "\\x" + Convert.ToHexString(Bytes(_random.Next(40))).ToLowerInvariant(),
        "uuid" => new Guid(Bytes(16)).ToString(_random.Next(10) == 0 ? "B" : "D"),
        "date" => _random.Next(50) == 0 ? "infinity" : Day().ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        "timestamp" => Moment(),
        "timestamptz" => Moment() is var moment && moment[0] == '-' ? moment : moment + (_random.Next(3) switch { 0 => "", 1 => "Z", _ => Zone() }),
        "boolean" => _random.Next(6) switch { 0 => "t", 1 => "f", 2 => "true", 3 => "false", 4 => "yes", _ => "0" },
        "double precision" => Real(BitConverter.Int64BitsToDouble(_random.NextInt64(long.MinValue, long.MaxValue))),
        "real" => Text((float)((_random.NextDouble() - 0.5) * Math.Pow(10, _random.Next(-20, 20)))),
        "numeric" => Numeric(),
        "enum" => _random.Next(3) switch { 0 => "SendFunds", 1 => "GiftFunds", _ => "DisputeCharge" },
        "inet" => new System.Net.IPAddress(Bytes(_random.Next(2) == 0 ? 4 : 16)).ToString(),
        _ => throw new ArgumentException(type),
    };

    private string Word(int longest)
    {
        var word = new StringBuilder();
        for (int n = _random.Next(longest + 1); n > 0; n--) word.Append(Runes[_random.Next(Runes.Length)].ToString());
        return word.ToString();
    }

    private byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }

    private DateTime Day() => new DateTime(1, 1, 1).AddDays(_random.Next(3_652_058));

    private string Moment()
    {
        if (_random.Next(100) == 0) return "-infinity";
        DateTime time = Day().AddTicks(_random.NextInt64(TimeSpan.TicksPerDay));
        return time.ToString(_random.Next(3) switch { 0 => "yyyy-MM-dd HH:mm:ss", 1 => "yyyy-MM-ddTHH:mm:ss.fff", _ => "yyyy-MM-dd HH:mm:ss.ffffff" }, CultureInfo.InvariantCulture);
    }

    private string Zone() => string.Create(CultureInfo.InvariantCulture, $"{(_random.Next(2) == 0 ? '+' : '-')}{_random.Next(14):00}{(_random.Next(2) == 0 ? "" : ":30")}");

    private string Numeric()
    {
        if (_random.Next(100) == 0) return "NaN";
        BigInteger digits = new(Bytes(_random.Next(1, 5)));
        return _random.Next(3) switch
        {
            0 => Text(digits),
            1 => string.Create(CultureInfo.InvariantCulture, $"{digits}.{_random.Next(100_000):000000}"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{digits}e-{_random.Next(12)}"),
        };
    }

    private static string Real(double value) => double.IsNaN(value) ? "NaN" : double.IsInfinity(value) ? "Infinity" : Text(value);

    private static string Text(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);
}
