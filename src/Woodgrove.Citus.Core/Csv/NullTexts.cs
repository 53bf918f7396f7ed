using System.Text;

namespace Woodgrove.Citus.Csv;

/// <summary>The texts that stand for NULL in a file.</summary>
internal sealed class NullTexts(CsvDialect dialect)
{
    private readonly byte[] _first = Encoding.UTF8.GetBytes(dialect.NullValue);
    private readonly byte[][] _others = [.. dialect.OtherNullValues.Select(Encoding.UTF8.GetBytes)];

    public bool Contain(ReadOnlySpan<byte> text)
    {
        if (text.SequenceEqual(_first)) return true;
        foreach (byte[] other in _others)
            if (text.SequenceEqual(other)) return true;
        return false;
    }
}
