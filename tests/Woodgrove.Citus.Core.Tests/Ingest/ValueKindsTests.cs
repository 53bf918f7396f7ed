using System.Text;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Core.Tests.Ingest;

public sealed class ValueKindsTests
{
    [Theory]
    [InlineData("true", "Boolean")]
    [InlineData("-42", "Integer")]
    [InlineData("9223372036854775807", "Integer")]
    [InlineData("92233720368547758070", "Numeric")]
    [InlineData("01234", "PaddedInteger")]
    [InlineData("0", "Integer")]
    [InlineData("12.50", "Numeric")]
    [InlineData("1e10", "Double")]
    [InlineData("NaN", "Double")]
    [InlineData("0f0e0d0c-0b0a-0908-0706-050403020100", "Uuid")]
    [InlineData("2024-02-29", "Date")]
    [InlineData("2023-02-29", "Text")]
    [InlineData("2024-02-29 10:11:12.5", "Timestamp")]
    [InlineData("2024-02-29T10:11:12+02", "TimestampTz")]
    [InlineData("{\"a\": [1, 2]}", "Json")]
    [InlineData("{\"a\": [1, 2}", "Text")]
    [InlineData("", "Text")]
    [InlineData("Name", "Text")]
    [InlineData("1 2", "Text")]
    [InlineData("-", "Text")]
    public void A_value_is_of_the_narrowest_kind(string text, string kind) =>
        Assert.Equal(kind, ValueKinds.Of(Encoding.UTF8.GetBytes(text), out _).ToString());

    [Theory]
    [InlineData("bigint", new[] { "Integer" }, new long[] { 5 })]
    [InlineData("numeric", new[] { "Integer", "Numeric" }, new long[] { 5, 1 })]
    [InlineData("timestamp", new[] { "Date", "Timestamp" }, new long[] { 995, 5 })]
    [InlineData("bigint", new[] { "Integer", "Text" }, new long[] { 995, 5 })]
    [InlineData("text", new[] { "Integer", "Text" }, new long[] { 90, 10 })]
    [InlineData("text", new[] { "PaddedInteger", "Integer" }, new long[] { 1, 9 })]
    [InlineData("text", new string[0], new long[0])]
    public void A_column_is_of_the_narrowest_type_that_takes_all_or_nearly_all(string type, string[] kinds, long[] counts)
    {
        var all = new long[Enum.GetValues<ValueKind>().Length];
        for (int i = 0; i < kinds.Length; i++) all[(int)Enum.Parse<ValueKind>(kinds[i])] = counts[i];

        Assert.Equal(type, ValueKinds.Infer(all).Type);
    }
}
