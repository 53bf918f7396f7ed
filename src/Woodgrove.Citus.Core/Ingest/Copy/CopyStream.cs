using Npgsql;

namespace Woodgrove.Citus.Ingest.Copy;

/// <summary>Copies records into a table, as the text that they are or, while they come with it, in binary.</summary>
/// <param name="command">The COPY of their text.</param>
/// <param name="binaryCommand">The COPY of their binary form; null where they come as text alone.</param>
internal sealed class CopyStream(NpgsqlConnection session, string command, string? binaryCommand = null)
{
    /// <summary>What COPY's binary format begins with: its signature, no flags, no extension.</summary>
    private static readonly byte[] Header = [.. "PGCOPY\n"u8, 0xFF, .. "\r\n\0"u8, 0, 0, 0, 0, 0, 0, 0, 0];
    private static readonly byte[] Trailer = [0xFF, 0xFF];

    private NpgsqlRawCopyStream? _copy;
    private bool _isBinary;

    /// <summary>The server's process, for cancelling it from another session.</summary>
    public int ProcessId => session.ProcessID;

    public NpgsqlConnection Session => session;

    public Task OpenAsync(CancellationToken stop) => OpenAsync(binaryCommand is not null, stop);

    /// <param name="records">Whole records.</param>
    /// <param name="tuples">The same in binary, if they can be written so.</param>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> records, CancellationToken stop, ReadOnlyMemory<byte> tuples = default)
    {
        if (_isBinary && tuples.IsEmpty)
        {
            // Records that can't are seldom alone: the rest go as text, in the same transaction.
            await FinishAsync();
            await OpenAsync(binary: false, stop);
        }
        await _copy!.WriteAsync(_isBinary ? tuples : records, stop);
    }

    /// <summary>Says that the data is complete; the server answers with what it refuses.</summary>
    public async Task FinishAsync()
    {
        NpgsqlRawCopyStream copy = _copy!;
        if (_isBinary) await copy.WriteAsync(Trailer);
        _copy = null; // disposing ends the COPY even when the server refuses
        await copy.DisposeAsync();
    }

    /// <summary>Copies bytes as a COPY of their own.</summary>
    public static async Task CopyAsync(NpgsqlConnection session, string command, ReadOnlyMemory<byte> bytes, CancellationToken stop)
    {
        var copy = new CopyStream(session, command);
        try
        {
            await copy.OpenAsync(stop);
            await copy.WriteAsync(bytes, stop);
            await copy.FinishAsync();
        }
        catch
        {
            await copy.CancelAsync();
            throw;
        }
    }

    /// <summary>Makes the server discard the data: disposing alone would commit it.</summary>
    public async Task CancelAsync()
    {
        if (_copy is not { } copy) return;
        _copy = null;
        try
        {
            await copy.CancelAsync();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or IOException or ObjectDisposedException
            or NullReferenceException)
        {
            // The server had refused already, or is gone; either way nothing is committed. Where its last word was that
            // it ends the session, Npgsql cleans the stream up twice, which is the NullReferenceException.
        }
    }

    private async Task OpenAsync(bool binary, CancellationToken stop)
    {
        _isBinary = binary;
        if (binary)
        {
            _copy = await session.BeginRawBinaryCopyAsync(binaryCommand!, stop);
            await _copy.WriteAsync(Header, stop);
        }
        else
        {
            TextWriter writer = await session.BeginTextImportAsync(command, stop);
            _copy = (NpgsqlRawCopyStream)((StreamWriter)writer).BaseStream;
        }
    }
}
