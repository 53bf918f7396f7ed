using System.Management.Automation;
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
        using BackgroundWork background = Start(work);
        if (WriteToEnd(background) is { } failure) ThrowTerminatingError(CitusErrorRecord.From(failure, target));
    }

    /// <summary>Runs the work on one of several inputs. A failure is written, and the next input has its turn.</summary>
    private protected void RunEach(Func<CmdletOutput, CancellationToken, Task> work, object? target = null)
    {
        using BackgroundWork background = Start(work);
        if (WriteToEnd(background) is { } failure) WriteError(CitusErrorRecord.From(failure, target));
    }

    /// <summary>Runs what Ctrl+C may end, and shows then what is so: the pipeline takes nothing more, but the host does.</summary>
    /// <param name="state">Null where there is nothing to say.</param>
    private protected void Tell(Action run, Func<string?> state)
    {
        try
        {
            run();
        }
        catch (PipelineStoppedException) when (IsStopping && state() is { } text)
        {
            Host.UI.WriteWarningLine(VisibleText.Of(text));
            throw;
        }
    }

    /// <summary>Reads an argument. One that is wrong ends the statement, with the error that says why.</summary>
    private protected T Argument<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (CitusException wrong)
        {
            ThrowTerminatingError(CitusErrorRecord.From(wrong, null));
            throw; // never reached
        }
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

    /// <summary>Starts work that goes on while further input comes; the caller ends and disposes it.</summary>
    private protected BackgroundWork Start(Func<CmdletOutput, CancellationToken, Task> work) => new(work, _stop.Token);

    /// <summary>True where -WhatIf was given, or $WhatIfPreference says so.</summary>
    private protected bool IsWhatIf => MyInvocation.BoundParameters.TryGetValue("WhatIf", out object? given)
        ? given is SwitchParameter { IsPresent: true }
        : LanguagePrimitives.IsTrue(GetVariableValue("WhatIfPreference"));

    /// <summary>Asks, with the names and values in the question made <see cref="VisibleText"/>.</summary>
    private protected new bool ShouldProcess(string target, string action) =>
        base.ShouldProcess(VisibleText.Of(target), VisibleText.Of(action));

    /// <summary>Asks whether to go on.</summary>
    /// <param name="isTrial">True with -WhatIf: what the command would be refused for is to be checked, and nothing changed.</param>
    /// <returns>False where the user says no, and nothing is to be done.</returns>
    private protected bool Agree(string target, string action, out bool isTrial)
    {
        bool agreed = ShouldProcess(target, action);
        isTrial = !agreed && IsWhatIf;
        return agreed || isTrial;
    }

    private protected bool IsStopping => _stop.IsCancellationRequested;

    /// <summary>Writes what the work hands over until it ends.</summary>
    /// <returns>Why it failed, or null. What ends the pipeline (Ctrl+C, Select-Object -First, break) passes through.</returns>
    private protected Exception? WriteToEnd(BackgroundWork work)
    {
        Exception? failure = work.WriteToEnd(this);
        return failure is OperationCanceledException && IsStopping ? throw new PipelineStoppedException() : failure;
    }
}
