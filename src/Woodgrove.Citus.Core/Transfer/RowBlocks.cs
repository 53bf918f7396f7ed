using Npgsql;

namespace Woodgrove.Citus.Transfer;

/// <summary>The rows that a COPY gives, in blocks; while one is sent, the next is read.</summary>
internal abstract class RowBlocks(NpgsqlRawCopyStream copy)
{
    private const int InitialBuffer = 256 * 1024;
    private const int Slack = 16 * 1024; // a read gives one row, and reads into a few last bytes would cut it

    private byte[] _buffer = new byte[InitialBuffer], _spare = new byte[InitialBuffer];
    private int _filled;
    private Range _block;

    /// <summary>The block; it stays as it is until the block after the next is read.</summary>
    public ReadOnlyMemory<byte> Block => _buffer.AsMemory(_block);

    /// <summary>How many rows the block has.</summary>
    public int Count { get; private set; }

    /// <summary>
    /// Reads the next block. A read gives one row, so that millions of them are made: awaiting each would cost several times
    /// the work of the read itself, and a thread is given to them instead.
    /// </summary>
    /// <returns>False where there are no more rows.</returns>
    public Task<bool> ReadAsync(CancellationToken stop) => Task.Run(() => Read(stop), stop);

    /// <summary>Sends all blocks.</summary>
    /// <param name="copied">Told of rows and bytes, a block at a time.</param>
    public async Task SendAsync(Func<ReadOnlyMemory<byte>, Task> send, Action<int, int> copied, CancellationToken stop)
    {
        Task sending = Task.CompletedTask;
        try
        {
            while (await ReadAsync(stop))
            {
                await sending;
                sending = send(Block);
                copied(Count, Block.Length);
            }
        }
        finally
        {
            await Task.WhenAny(sending); // a session does one thing at a time
        }
        await sending;
    }

    /// <summary>Finds a block's rows.</summary>
    /// <param name="bytes">What was read; what is not of the block is given again before what follows.</param>
    /// <param name="isAll">True where nothing follows.</param>
    protected abstract (Range Block, int Count) Cut(ReadOnlySpan<byte> bytes, bool isAll);

    /// <summary>Takes the other buffer, into which what follows the block is moved.</summary>
    private void Turn()
    {
        int end = _block.End.Value, left = _filled - end;
        if (_spare.Length < _buffer.Length) _spare = new byte[_buffer.Length];
        _buffer.AsSpan(end, left).CopyTo(_spare);
        (_buffer, _spare, _filled, _block) = (_spare, _buffer, left, default);
    }

    private bool Read(CancellationToken stop)
    {
        Turn();
        while (true)
        {
            bool hasEnded = !Fill(stop);
            (_block, Count) = Cut(_buffer.AsSpan(0, _filled), hasEnded);
            if (!Block.IsEmpty) return true;
            if (hasEnded) return false;
            Array.Resize(ref _buffer, _buffer.Length * 2); // one row fills it
        }
    }

    /// <returns>False where there is no more.</returns>
    private bool Fill(CancellationToken stop)
    {
        while (_filled < _buffer.Length - Slack)
        {
            stop.ThrowIfCancellationRequested();
            int count = copy.Read(_buffer.AsSpan(_filled));
            if (count == 0) return false;
            _filled += count;
        }
        return true;
    }
}
