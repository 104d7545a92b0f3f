namespace StreamObserve.Tests;

public class CheckCommandTests
{
    private readonly Terminal _terminal = new();

    [Fact]
    public async Task LinesThatANodeWouldRefuseAreToldWithNumberAndReason()
    {
        _terminal.Input = "{\"a\":1}\n\n{\"a\":\n[1]\n{\"n\":NaN}\n{\"a\":2}";
        Assert.Equal(1, await _terminal.RunAsync("check", "-"));
        string[] lines = _terminal.Error.TrimEnd().Split('\n');
        Assert.Equal(3, lines.Length);
        Assert.StartsWith("line 3: invalid-json: ", lines[0]);
        Assert.StartsWith("line 4: not-an-object: ", lines[1]);
        Assert.StartsWith("line 5: invalid-json: ", lines[2]);
        Assert.Equal("2 events are good, 3 would be refused\n", _terminal.Output);
    }

    [Fact]
    public async Task GoodFileIsExitCodeZero()
    {
        _terminal.Input = string.Concat(Enumerable.Range(0, 25_000).Select(i => $"{{\"a\":{i}}}\n"));
        Assert.Equal(0, await _terminal.RunAsync("check", "-"));
        Assert.Equal("25000 events are good, 0 would be refused\n", _terminal.Output);
    }
}
