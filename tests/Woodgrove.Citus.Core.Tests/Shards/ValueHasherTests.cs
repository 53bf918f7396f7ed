using System.Globalization;
using System.Text;
using CsvHelper;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Core.Tests.Shards;

/// <summary>The module's hashes are the server's: <c>hash-vectors.csv</c> holds what <c>worker_hash</c> gave on a live cluster.</summary>
public sealed class ValueHasherTests
{
    private static readonly Dictionary<string, uint> Oids = new()
    {
        ["smallint"] = 21, ["integer"] = 23, ["bigint"] = 20, ["text"] = 25, ["varchar"] = 1043, ["char(12)"] = 1042, ["bytea"] = 17,
        ["uuid"] = 2950,
        ["date"] = 1082, ["timestamp"] = 1114, ["timestamptz"] = 1184, ["boolean"] = 16, ["double precision"] = 701, ["numeric"] = 1700,
    };

    public static TheoryData<string> Types => [.. Oids.Keys];

    [Theory]
    [MemberData(nameof(Types))]
    public void Hash_equals_the_servers_for_every_vector(string type)
    {
        using var text = new StreamReader(Path.Combine(AppContext.BaseDirectory, "Shards", "hash-vectors.csv"));
        using var csv = new CsvReader(text, CultureInfo.InvariantCulture);
        ValueHasher hasher = ValueHasher.For(Column(type))!;
        int vectors = 0;
        csv.Read();
        csv.ReadHeader();
        while (csv.Read())
        {
            if (csv["type"] != type) continue;
            Assert.True(hasher.TryHash(csv["value"]!, out int hash), $"{csv["value"]} is not read");
            Assert.Equal(int.Parse(csv["hash"]!, CultureInfo.InvariantCulture), hash);
            byte[] value = Encoding.UTF8.GetBytes(csv["value"]!), binary = new byte[value.Length + BinaryValue.MostAdded];
            int length = BinaryValue.For(Oids[type])!(value, binary);
            if (length >= 0) Assert.Equal(hash, BinaryHasher.For(Oids[type])!(binary.AsSpan(0, length)));
            vectors++;
        }
        Assert.True(vectors > 0);
    }

    [Theory]
    [InlineData("bigint", " 5")]
    [InlineData("bigint", "5.0")]
    [InlineData("integer", "2147483648")]
    [InlineData("varchar(3)", "abcd")]
    [InlineData("timestamp(0)", "2024-01-01 00:00:00.5")]
    [InlineData("timestamptz", "2024-01-01 00:00:00")]
    [InlineData("date", "01/02/2024")]
    [InlineData("date", "2024-02-30")]
    [InlineData("numeric(10,2)", "1.005")]
    [InlineData("uuid", "{9eeda7b5-0c34-915a-a099-5c4b13562b21}")]
    public void Value_that_input_conversion_may_change_is_left_to_the_server(string type, string value) =>
        Assert.False(ValueHasher.For(Column(type))!.TryHash(value, out _));

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(32)]
    [InlineData(48)]
    public void Every_hash_has_the_shard_whose_range_holds_it(int count)
    {
        long width = (1L << 32) / count;
        var map = new ShardMap([.. Enumerable.Range(0, count)
            .Select(i => new ShardRange(i, "s", (int)(int.MinValue + i * width),
                i == count - 1 ? int.MaxValue : (int)(int.MinValue + (i + 1) * width - 1), "n", 1))]);
        var random = new Random(5);
        foreach (int hash in Enumerable.Range(0, 100_000).Select(_ => (int)random.NextInt64(int.MinValue, 1L << 31))
            .Concat(map.Shards.SelectMany(s => new[] { s.HashMin, s.HashMax })))
        {
            ShardRange shard = map.Shards[map.Find(hash)];
            Assert.InRange(hash, shard.HashMin, shard.HashMax);
        }
    }

    private static TableColumn Column(string type) =>
        new("c", type, Oids[type == "varchar(3)" ? "varchar" : type == "timestamp(0)" ? "timestamp" : type == "numeric(10,2)" ? "numeric"
            : type], true, false, false, false);
}
