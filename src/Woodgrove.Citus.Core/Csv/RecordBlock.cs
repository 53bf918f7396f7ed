namespace Woodgrove.Citus.Csv;

/// <summary>Some whole records, and where they and their fields end.</summary>
internal abstract class RecordBlock
{
    /// <summary>The records, line ends included.</summary>
    public abstract ReadOnlyMemory<byte> Block { get; }

    /// <summary>A bit for each byte of the block that ends a record; a file's last record may lack it.</summary>
    public abstract ReadOnlySpan<ulong> LineEnds { get; }

    /// <summary>A bit for each byte of the block that is a delimiter outside quotes.</summary>
    public abstract ReadOnlySpan<ulong> Delimiters { get; }

    /// <summary>The offset in the block just past the record that begins at an offset.</summary>
    public int EndAfter(int start)
    {
        int end = BitMask.Next(LineEnds, start);
        return end < 0 ? Block.Length : end + 1;
    }

    /// <summary>The physical line of the source on which the record ends whose last byte is before an offset in the block.</summary>
    public abstract long LineAt(int end);

    /// <summary>The lines on which the records end that stand between two offsets; cheaper than asking for each.</summary>
    public abstract void BoundsOf(int from, int to, List<RecordBounds> bounds);

    /// <summary>The text that a value has in the source, or null where the record stands as it does there.</summary>
    /// <param name="end">Where the record ends in the block.</param>
    public virtual string? SourceText(int end, int column) => null;

    /// <summary>Where the fields of a record lie.</summary>
    /// <returns>How many there are; only as many as there is room for are returned.</returns>
    public int SplitFields(int start, int end, Span<(int From, int To)> fields)
    {
        fields.Clear();
        end = start + FieldText.TrimLineEnd(Block.Span[start..end]).Length;
        for (int count = 0; ; count++)
        {
            int next = BitMask.Next(Delimiters, start);
            bool isLast = next < 0 || next >= end;
            if (count < fields.Length) fields[count] = (start, isLast ? end : next);
            if (isLast) return count + 1;
            start = next + 1;
        }
    }
}
