using System.Management.Automation;
using System.Threading.Channels;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Pipeline;

/// <summary>
/// Runs a cmdlet's asynchronous work off the pipeline thread, while the pipeline thread writes what the work
/// hands over: PowerShell lets no other thread write. Nothing returns before the work has ended, so that a COPY
/// is rolled back by the time the prompt is back.
/// </summary>
public abstract class CitusCmdlet : PSCmdlet, IDisposable
{
    private readonly CancellationTokenSource _stop = new();

    /// <summary>Runs the work to its end. A failure ends the statement, as a <see cref="CitusException"/>.</summary>
    /// <param name="work">Given where to write and a token that Ctrl+C cancels.</param>
    private protected void Run(Func<CmdletOutput, CancellationToken, Task> work, object? target = null)
    {
        if (Pump(work) is { } failure) ThrowTerminatingError(CitusErrorRecord.From(failure, target));
    }

    /// <summary>Runs the work on one of several inputs. A failure is written, and the next input has its turn.</summary>
    private protected void RunEach(Func<CmdletOutput, CancellationToken, Task> work, object? target = null)
    {
        if (Pump(work) is { } failure) WriteError(CitusErrorRecord.From(failure, target));
    }

    /// <summary>Cancels the work, and nothing more: the pump waits for its end.</summary>
    protected override void StopProcessing() => _stop.Cancel();

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing) _stop.Dispose();
    }

    /// <returns>Why the work failed, or null. What ends the pipeline (Ctrl+C, Select-Object -First, break) passes through.</returns>
    private Exception? Pump(Func<CmdletOutput, CancellationToken, Task> work)
    {
        // Bounded, so that a slow pipeline holds back the server instead of filling memory.
        var channel = Channel.CreateBounded<Action<PSCmdlet>>(new BoundedChannelOptions(64) { SingleReader = true });
        using var abandon = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        Task task = Task.Run(async () =>
        {
            try
            {
                await work(new CmdletOutput(channel.Writer, abandon.Token), abandon.Token);
            }
            finally
            {
                channel.Writer.Complete();
            }
        });
        try
        {
            while (channel.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                while (channel.Reader.TryRead(out Action<PSCmdlet>? write)) write(this);
            }
        }
        catch
        {
            // Downstream has had enough (Select-Object -First, Ctrl+C, -ErrorAction Stop).
            abandon.Cancel();
            throw;
        }
        finally
        {
            while (channel.Reader.TryRead(out _)) { }
            ((IAsyncResult)task).AsyncWaitHandle.WaitOne();
        }
        try
        {
            task.GetAwaiter().GetResult();
            return null;
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
        catch (Exception failure)
        {
            return failure;
        }
    }
}
