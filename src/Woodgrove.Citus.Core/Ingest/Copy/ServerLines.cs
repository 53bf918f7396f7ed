namespace Woodgrove.Citus.Ingest.Copy;

/// <summary>
/// Counts lines as COPY does, which is not as an editor does: within quotes it takes LF for a line end where records
/// end with LF, else CR; and in the first record, before it knows how they end, CR. One COPY, one count.
/// </summary>
internal sealed class ServerLines
{
    private byte? _counted;

    public int Of(ReadOnlySpan<byte> record)
    {
        int lines = 1 + record.TrimEnd("\r\n"u8).Count(_counted ?? (byte)'\r');
        _counted ??= record.EndsWith("\n"u8) && !record.EndsWith("\r\n"u8) ? (byte)'\n' : (byte)'\r';
        return lines;
    }
}
