namespace Woodgrove.Citus.Csv;

/// <summary>Reads a record's fields one after the other, as COPY does.</summary>
internal sealed class CsvFields(CsvDialect dialect)
{
    private readonly FieldText _field = new(dialect);
    private readonly NullTexts _null = new(dialect);

    /// <summary>The next field of a record; its bytes are good until the one after.</summary>
    /// <param name="at">The field's first byte in the block; afterwards that of the next, or -1 after the last.</param>
    /// <param name="end">The offset just past the record's line end.</param>
    public bool TryNext(ReadOnlySpan<byte> block, ReadOnlySpan<ulong> delimiters, ref int at, int end, out ReadOnlySpan<byte> text,
        out bool isNull)
    {
        text = default;
        isNull = false;
        if (at < 0) return false;
        int to = BitMask.Next(delimiters, at);
        bool last = to < 0 || to >= end;
        text = last ? FieldText.TrimLineEnd(block[at..end]) : block[at..to];
        at = last ? -1 : to + 1;
        if (_field.IsQuoted(text)) text = _field.Unquote(text);
        else isNull = _null.Contain(text);
        return true;
    }
}
