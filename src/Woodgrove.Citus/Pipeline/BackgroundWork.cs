using System.Management.Automation;
using System.Threading.Channels;

namespace Woodgrove.Citus.Pipeline;

/// <summary>Work off the pipeline thread, and the way back for what it writes.</summary>
internal sealed class BackgroundWork : IDisposable
{
    // Bounded, so that a slow pipeline holds back the server instead of filling memory.
    private readonly Channel<Action<PSCmdlet>> _output = Channel.CreateBounded<Action<PSCmdlet>>(new BoundedChannelOptions(64)
        { SingleReader = true });
    private readonly CancellationTokenSource _abandon;
    private readonly Task _task;

    public BackgroundWork(Func<CmdletOutput, CancellationToken, Task> work, CancellationToken stop)
    {
        _abandon = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _task = Task.Run(async () =>
        {
            try
            {
                await work(new CmdletOutput(_output.Writer, _abandon.Token), _abandon.Token);
            }
            finally
            {
                _output.Writer.Complete();
            }
        });
    }

    public bool HasEnded => _task.IsCompleted;

    /// <summary>Writes what there is, without waiting.</summary>
    public void WriteAvailable(PSCmdlet cmdlet)
    {
        if (_output.Reader.Count == 0) return; // asked for every row
        Guarded(() =>
        {
            while (_output.Reader.TryRead(out Action<PSCmdlet>? write)) write(cmdlet);
        });
    }

    /// <summary>Writes until the work has ended.</summary>
    /// <returns>Why it failed, or null.</returns>
    public Exception? WriteToEnd(PSCmdlet cmdlet)
    {
        Guarded(() =>
        {
            while (_output.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                while (_output.Reader.TryRead(out Action<PSCmdlet>? write)) write(cmdlet);
            }
        });
        try
        {
            _task.GetAwaiter().GetResult();
            return null;
        }
        catch (Exception failure)
        {
            return failure;
        }
    }

    /// <summary>Cancels the work if it has not ended, and waits until it has: a COPY is rolled back by then.</summary>
    public void Dispose()
    {
        if (!_task.IsCompleted) _abandon.Cancel();
        while (!((IAsyncResult)_task).AsyncWaitHandle.WaitOne(20))
        {
            while (_output.Reader.TryRead(out _)) { }
        }
        _abandon.Dispose();
    }

    /// <summary>Downstream may have had enough (Select-Object -First, Ctrl+C, -ErrorAction Stop).</summary>
    private void Guarded(Action write)
    {
        try
        {
            write();
        }
        catch
        {
            _abandon.Cancel();
            throw;
        }
    }
}
