using System.Management.Automation;
using System.Management.Automation.Runspaces;

namespace Woodgrove.Citus.Tests.Hosting;

/// <summary>The real PowerShell engine with the built module imported from its manifest, as a user has it.</summary>
public sealed class ModuleHost : IDisposable
{
    private readonly CapturingHost _host = new();
    private readonly Runspace _runspace;

    public ModuleHost()
    {
        InitialSessionState state = InitialSessionState.CreateDefault2();
        if (OperatingSystem.IsWindows()) state.ExecutionPolicy = Microsoft.PowerShell.ExecutionPolicy.RemoteSigned;
        state.ImportPSModule([Repository.Manifest]);
        PSStyle.Instance.OutputRendering = OutputRendering.PlainText;
        _runspace = RunspaceFactory.CreateRunspace(_host, state);
        _runspace.Open();
    }

    public object? this[string variable]
    {
        get => _runspace.SessionStateProxy.GetVariable(variable);
        set => _runspace.SessionStateProxy.SetVariable(variable, value);
    }

    /// <summary>Runs a script to its end; nothing is thrown, an error that ends it is the last of the errors.</summary>
    public RunResult Run(string script)
    {
        using PowerShell shell = Create(script);
        using var output = new PSDataCollection<PSObject>();
        RuntimeException? end = null;
        try
        {
            shell.Invoke(null, output);
        }
        catch (RuntimeException e)
        {
            end = e;
        }
        var errors = shell.Streams.Error.ToList();
        if (end is not null && !errors.Exists(e => e.Exception == end.ErrorRecord.Exception)) errors.Add(end.ErrorRecord);
        return new RunResult
        {
            Output = [.. output],
            Errors = errors,
            Verbose = [.. shell.Streams.Verbose.Select(v => v.Message)],
            Warnings = [.. shell.Streams.Warning.Select(w => w.Message)],
            Progress = [.. shell.Streams.Progress],
            Screen = _host.TakeScreen(),
            WasStopped = end is PipelineStoppedException,
        };
    }

    /// <summary>Runs a script that must succeed, and gives its output.</summary>
    public IReadOnlyList<PSObject> Get(string script) => Run(script).Succeeded().Output;

    /// <summary>A pipeline that the test starts, stops and looks at by itself.</summary>
    public PowerShell Create(string script)
    {
        PowerShell shell = PowerShell.Create(_runspace);
        shell.AddScript(script);
        return shell;
    }

    public void Dispose() => _runspace.Dispose();
}

/// <summary>What a script did.</summary>
public sealed record RunResult
{
    public required IReadOnlyList<PSObject> Output { get; init; }
    public required IReadOnlyList<ErrorRecord> Errors { get; init; }
    public required IReadOnlyList<string> Verbose { get; init; }
    public required IReadOnlyList<string> Warnings { get; init; }
    public required IReadOnlyList<ProgressRecord> Progress { get; init; }
    public required string Screen { get; init; }
    public required bool WasStopped { get; init; }

    public PSObject Single => Assert.Single(Succeeded().Output);

    public RunResult Succeeded()
    {
        if (Errors.Count > 0)
            Assert.Fail(string.Join(Environment.NewLine, Errors.Select(e => $"{e.FullyQualifiedErrorId}: {e.Exception.Message}")));
        return this;
    }

    /// <summary>The one error, whose id must be this.</summary>
    public ErrorRecord Failed(string errorId)
    {
        ErrorRecord error = Assert.Single(Errors);
        Assert.True(error.FullyQualifiedErrorId.Split(',')[0] == errorId,
            $"{errorId} expected, but {error.FullyQualifiedErrorId}: {error.Exception.Message}");
        return error;
    }
}

public static class PSObjectExtensions
{
    /// <summary>A property's value, without PowerShell's wrapping.</summary>
    public static object? Get(this PSObject item, string property)
    {
        PSPropertyInfo found = item.Properties[property] ?? throw new KeyNotFoundException($"no property {property} in {item}");
        return found.Value is PSObject wrapped ? wrapped.BaseObject : found.Value;
    }

    public static object? Get(this object item, string property) => Get(PSObject.AsPSObject(item), property);
}
